"""Benchmark loaders: the decorator that marks one, its options, files and requirements, and its call."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

from evolve.benchmark.definition import Benchmark, InvalidBenchmark
from evolve.data import DataFile, folder
from evolve.errors import UsageError

Loader = Callable[..., Benchmark]
Requirement = Callable[[Path], None]
"""Check of the data folder: raises UsageError, with the remedy, where something is missing. Quick."""


@dataclass(frozen=True)
class Entry:
    """Benchmark that can be loaded: its loader, its file, and its options.

    Attributes:
        name: the name it was asked for by, which may be an earlier one.
        path: its file or folder.
        loader: reads it.
        note: told to a user who asked for it by its earlier name; empty otherwise.
    """

    name: str
    path: Path
    loader: Loader
    note: str = ""

    @property
    def summary(self) -> str:
        """The first line of the loader's docstring."""
        return (inspect.getdoc(self.loader) or "").partition("\n")[0]

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The files that it reads, as its official source has them; none for data it makes itself."""
        return getattr(self.loader, "__evolve_files__", ())

    def files_for(self, options: Mapping[str, str]) -> tuple[DataFile, ...]:
        """Return the ``files`` needed with ``options``; UsageError if an option is not known."""
        self._check(options)
        given = {name: str(default) for name, default in self.options.items()} | dict(options)
        return tuple(file for file in self.files if file.is_needed(given))

    def problems(self, data_dir: Path | None, options: Mapping[str, str]) -> list[str]:
        """Return the reasons why it cannot be loaded; of a folder's files, the fault in every record."""
        if self.loader is load_folder:
            found = folder.problems(data_dir or self.data_dir)
            if found:
                return found
        try:
            self.load(data_dir, options)
        except InvalidBenchmark as error:
            return list(error.problems)
        except UsageError as error:
            return [str(error)]
        return []

    @property
    def card(self) -> Mapping[str, str]:
        """Description available before loading; the card of the loaded benchmark has more."""
        return getattr(self.loader, "__evolve_card__", {})

    @property
    def metric(self) -> str:
        """Default quality, as its loader declares it; empty if it does not."""
        return getattr(self.loader, "__evolve_metric__", "")

    @property
    def protocol(self) -> str:
        """Protocol by default, as its loader declares it; empty if it does not."""
        return getattr(self.loader, "__evolve_protocol__", "")

    @property
    def requires(self) -> Requirement | None:
        """Check of the requirements besides ``files``; None where there are none."""
        return getattr(self.loader, "__evolve_requires__", None)

    def played(self, data_dir: Path) -> list[Path]:
        """Return the files in ``data_dir`` that a simulator plays, executing code in them."""
        patterns = getattr(self.loader, "__evolve_plays__", ())
        return sorted({file for pattern in patterns for file in data_dir.glob(pattern) if file.is_file()})

    @property
    def options(self) -> dict[str, Any]:
        """The keyword options of the loader with their defaults."""
        parameters = inspect.signature(self.loader).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def load(
        self, data_dir: Path | None = None, options: Mapping[str, str] = MappingProxyType({})
    ) -> Benchmark:
        """Load it.

        Args:
            data_dir: directory of its data files; None for the default, ``default_data_dir(name)``.
            options: option name → text; the text is read as the type of the option's default.

        Raises:
            UsageError: data or other requirements are missing, data are malformed, an option is unknown or of
                the wrong type, or the function is not a benchmark's loader.
        """
        self._check(options)
        known = self.options
        values = {key: _parsed(key, text, known[key]) for key, text in options.items()}
        folder = data_dir or self.data_dir
        try:
            inspect.signature(self.loader).bind(folder, **values)
        except TypeError as error:
            raise UsageError(
                f"The function {self.loader.__name__} in {self.path} cannot be called with the folder of its "
                f"data ({error}). Expected: def {self.loader.__name__}(data_dir: Path, *, option=default, "
                "...), which takes data_dir even where it reads no data."
            ) from None
        if self.requires is not None:
            self.requires(folder)
        loaded = self.loader(folder, **values)
        if not isinstance(loaded, Benchmark):
            raise UsageError(
                f"The function {self.loader.__name__} in {self.path} returned {type(loaded).__name__}, where "
                "a Benchmark is expected."
            )
        if self.note:
            return replace(loaded, name=self.name, card={**loaded.card, "renamed": self.note})
        return loaded

    @property
    def data_dir(self) -> Path:
        """Default directory of its data."""
        return self.path if self.path.is_dir() else default_data_dir(self.name)

    def _check(self, options: Mapping[str, str]) -> None:
        known = self.options
        for key in options:
            if key not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise UsageError(f"The benchmark {self.name!r} has no option {key!r}; {has}.")


@overload
def benchmark(loader: Loader, /) -> Loader: ...
@overload
def benchmark(
    *,
    files: Iterable[DataFile] = ...,
    card: Mapping[str, str] = ...,
    requires: Requirement | None = ...,
    plays: Iterable[str] = ...,
    metric: str = ...,
    protocol: str = ...,
) -> Callable[[Loader], Loader]: ...
def benchmark(
    loader: Loader | None = None,
    /,
    *,
    files: Iterable[DataFile] = (),
    card: Mapping[str, str] = MappingProxyType({}),
    requires: Requirement | None = None,
    plays: Iterable[str] = (),
    metric: str = "",
    protocol: str = "",
) -> Loader | Callable[[Loader], Loader]:
    """Mark ``loader(data_dir, *, option=default, ...) -> Benchmark`` as the benchmark of its file.

    The name of the benchmark is the name of the file; its summary is the first line of the docstring.

    Args:
        loader: the function, if used as ``@benchmark``.
        files: with ``@benchmark(files=...)``: the files that it reads, for ``evolve benchmarks fetch``.
        card: description that ``evolve benchmarks show`` prints if it cannot be loaded.
        requires: called with the data folder before loading: checks other requirements, such as a simulator.
            ``evolve benchmarks`` calls it instead of loading.
        plays: glob patterns of the files in its data that a simulator plays, which executes code in them: a
            configuration that names a folder with such files needs approval (docs/security.md).
        metric: the default quality with a model, for ``evolve benchmarks``, which lists benchmarks unloaded.
        protocol: the ``protocol`` of the benchmark by default, such as ``grouped, interleaved``.
    """

    def mark(function: Loader) -> Loader:
        function.__evolve_benchmark__ = True  # type: ignore[attr-defined]
        function.__evolve_files__ = tuple(files)  # type: ignore[attr-defined]
        function.__evolve_card__ = card  # type: ignore[attr-defined]
        function.__evolve_requires__ = requires  # type: ignore[attr-defined]
        function.__evolve_plays__ = tuple(plays)  # type: ignore[attr-defined]
        function.__evolve_metric__ = metric  # type: ignore[attr-defined]
        function.__evolve_protocol__ = protocol  # type: ignore[attr-defined]
        return function

    return mark if loader is None else mark(loader)


def default_data_dir(name: str) -> Path:
    """Return the default data directory of ``name``: ``$EVOLVE_DATA/name``, else in the user's cache."""
    root = os.environ.get("EVOLVE_DATA")
    if root:
        return Path(root).expanduser() / name
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "evolve" / "data" / name


def load_folder(data_dir: Path, *, scope: str = "") -> Benchmark:
    """Folder of your own: episodes and questions as JSON lines, settings in benchmark.toml.

    Args:
        data_dir: the folder.
        scope: ``pooled`` or ``grouped``; empty: as in benchmark.toml, else pooled.
    """
    contents = folder.read(data_dir)
    if scope:
        contents["scope"] = scope
    return Benchmark(**contents)


def _parsed(key: str, text: str, default: Any) -> Any:
    """``text`` as a value of the type of ``default``."""
    kind = type(default)
    try:
        if kind is bool:
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[
                text.lower()
            ]
        return text if kind is str else kind(text)
    except (KeyError, ValueError, TypeError) as error:
        raise UsageError(
            f"Option {key}={text!r} is not of type {kind.__name__}, as {default!r} is."
        ) from error
