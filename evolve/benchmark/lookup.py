"""Lookup of benchmarks by name, by path, or in the registry; a file is run as a module."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, MappingProxyType, ModuleType

from evolve import resources
from evolve.benchmark.definition import Benchmark
from evolve.benchmark.joining import joined
from evolve.benchmark.loading import Entry, Loader, load_folder
from evolve.config.models import benchmark_names
from evolve.data import folder
from evolve.errors import UsageError
from evolve.kinds import OBJECT
from evolve.registry import REGISTRY


class _FromSource(SourceFileLoader):
    """Loader that compiles the file itself: its `__pycache__` may hold other code than was read and
    approved.
    """

    def get_code(self, fullname: str) -> CodeType:
        """See the class."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def execute(path: Path) -> ModuleType:
    """Execute the file at ``path`` and return its module. It is the user's own code, unlike a memory program.

    Raises:
        UsageError: it cannot be loaded, or raised an error while loading.
    """
    name = f"evolve_benchmark_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded as a Python module; expected a .py file.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses with postponed annotations look their module up by name while the class is made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except Exception as error:  # the author must see any error
        raise UsageError(
            f"The benchmark file {path} failed to load: {type(error).__name__}: {error}"
        ) from error
    return module


RENAMED = {"mem_gym": "household"}
"""Earlier name of a benchmark → its name. Loaded by the earlier one it keeps that: old runs resume."""


def renaming_note(name: str) -> str:
    """Return the sentence for a user who gave the earlier name of a benchmark; empty for other names.

    Example:
        >>> renaming_note("mem_gym")
        'The benchmark mem_gym is now called household; the earlier name still works.'
    """
    now = RENAMED.get(name)
    return f"The benchmark {name} is now called {now}; the earlier name still works." if now else ""


def available() -> list[Entry]:
    """The benchmarks that come with this installation, by name."""
    return [find(path.stem) for path in sorted(resources.folder("benchmarks").glob("*.py"))]


@dataclass(frozen=True)
class BenchmarkLocation:
    """Location of a benchmark, found without executing anything.

    Attributes:
        name: short name of the benchmark.
        path: its file, or its folder of data; of a registered one its name.
        code: the file that loading it executes on the host, where it is not of this installation; else None.
    """

    name: str
    path: Path
    code: Path | None = None


def locate(name_or_path: str) -> BenchmarkLocation:
    """Return where the benchmark ``name_or_path`` is. Executes nothing.

    Raises:
        UsageError: no such benchmark.

    Example:
        >>> locate("chronicle").code is None
        True
    """
    given = Path(name_or_path)
    if given.suffix == ".py" or os.sep in name_or_path or (given.is_dir() and not _is_name(name_or_path)):
        path = given / "benchmark.py" if given.is_dir() else given
        if given.is_dir() and not path.is_file():
            return BenchmarkLocation(given.resolve().name, given)
        if not path.is_file():
            raise UsageError(
                f"There is no benchmark file at {path}. Give the path of a Python file, or of a folder with "
                f"{folder.EPISODES} and {folder.QUESTIONS}."
            )
        packaged = path.resolve().parent == resources.folder("benchmarks").resolve()
        return BenchmarkLocation(_name_of(path), path, None if packaged else path)
    path = _installed(name_or_path)
    if not path.is_file():
        if _is_registered(name_or_path):
            return BenchmarkLocation(name_or_path.removeprefix(OBJECT), given)
        names = ", ".join(sorted([*(p.stem for p in path.parent.glob("*.py")), *REGISTRY.names("benchmark")]))
        raise UsageError(
            f"There is no benchmark called {name_or_path!r}. There are: {names}; "
            "or give the path of a Python file or of a folder of your own."
        )
    return BenchmarkLocation(name_or_path, path)


def find(name_or_path: str) -> Entry:
    """Return the benchmark called ``name_or_path``, or the one that the file or folder at that path defines.

    A folder with a ``benchmark.py`` is that file; one with episodes and questions as JSON lines is read by
    ``evolve.data.folder``. **Executes the file**, with the user's rights: ask ``evolve.trust.Gate`` first if
    the name comes from a file that others may have made.

    Raises:
        UsageError: no such benchmark, or its file does not define exactly one.
    """
    place = locate(name_or_path)
    if not place.path.exists() and _is_registered(name_or_path):
        loader = _registered(name_or_path)
    else:
        loader = load_folder if place.path.is_dir() else _loader_in(place.path)
    return Entry(name=place.name, path=place.path, loader=loader, note=renaming_note(name_or_path))


def load_named(
    text: str, data_dir: Path | None = None, options: Mapping[str, str] = MappingProxyType({})
) -> Benchmark:
    """Load the benchmark called ``text``, or join those that its commas separate.

    Args:
        text: name or path; several separated by commas.
        data_dir: directory of the data; of several benchmarks one that may have a folder for each, called as
            it is. None for the defaults.
        options: option → value. Of several benchmarks an option is meant for each that has it; with the name
            of one and a dot before it, for that one.

    Raises:
        UsageError: as ``find`` and ``Entry.load``; or no benchmark has an option.

    Example:
        >>> load_named("chronicle,household").name
        'chronicle+household'
    """
    entries = [find(name) for name in benchmark_names(text)]
    if len(entries) == 1:
        return entries[0].load(data_dir, options)
    shares = _shared(entries, options)
    return joined([entry.load(data_of(entry, data_dir), shares[entry.name]) for entry in entries])


def data_of(entry: Entry | BenchmarkLocation, data_dir: Path | None) -> Path | None:
    """Return the data directory of one of several benchmarks; None for the default.

    Args:
        entry: the benchmark.
        data_dir: its data, or a folder with a folder of each benchmark's.
    """
    if data_dir is None or entry.path.is_dir():
        return None
    own = data_dir / entry.name
    return own if own.is_dir() else data_dir


def _shared(entries: Sequence[Entry], options: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return name of a benchmark → the options that are meant for it."""
    shares: dict[str, dict[str, str]] = {entry.name: {} for entry in entries}
    for key, value in options.items():
        name, dot, option = key.partition(".")
        meant = [entry for entry in entries if (entry.name == name if dot else key in entry.options)]
        if not meant:
            known = ", ".join(f"{entry.name}.{option}" for entry in entries for option in entry.options)
            raise UsageError(f"None of the benchmarks has the option {key!r}; there are: {known or 'none'}.")
        for entry in meant:
            shares[entry.name][option if dot else key] = value
    return shares


def _is_registered(name: str) -> bool:
    return name.startswith(OBJECT) or REGISTRY.has("benchmark", name)


def _registered(name: str) -> Loader:
    """The loader of a benchmark that a program or a plug-in registered, which may be a ``Benchmark``."""
    thing = REGISTRY.get("benchmark", name)
    if not isinstance(thing, Benchmark):
        return thing

    def loader(data_dir: Path) -> Benchmark:  # noqa: ARG001 - called by name
        """Registered as an object."""
        return thing

    return loader


def _is_name(text: str) -> bool:
    """Return whether an installed benchmark has this name: it precedes a folder that happens to have it
    too.
    """
    return _installed(text).is_file()


def _installed(name: str) -> Path:
    return resources.folder("benchmarks") / f"{RENAMED.get(name, name)}.py"


def _name_of(path: Path) -> str:
    return path.parent.resolve().name if path.name == "benchmark.py" else path.stem


def _loader_in(path: Path) -> Loader:
    module = execute(path)
    loaders = [value for value in vars(module).values() if getattr(value, "__evolve_benchmark__", False)]
    if len(loaders) != 1:
        raise UsageError(
            f"{path} defines {len(loaders)} benchmarks; expected one function marked with @benchmark."
        )
    return loaders[0]
