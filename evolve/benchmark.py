"""Benchmarks, found by name in ``benchmarks/`` or by the user's path."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, overload

from evolve import resources
from evolve.benchmark_file import execute
from evolve.data import DataFile, folder
from evolve.data.rows import is_unicode
from evolve.environment import OpenEnvironment
from evolve.errors import UsageError
from evolve.kinds import OBJECT
from evolve.records import Episode, Task
from evolve.registry import REGISTRY
from evolve.scoring import GRADED, METRICS

Scope = Literal["pooled", "grouped"]
Learning = Literal["offline", "online"]
Loader = Callable[..., "Benchmark"]
Requirement = Callable[[Path], None]
"""Check of the data folder: raises UsageError, with the remedy, where something is missing. Quick."""


class InvalidBenchmark(UsageError):
    """A benchmark that contradicts itself or cannot be scored.

    Attributes:
        problems: all that is wrong; the message lists the first eight.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        listed = "\n  - ".join(problems[:8])
        more = f"\n  and {len(problems) - 8} more" if len(problems) > 8 else ""
        super().__init__(f"The benchmark {name!r} is not valid:\n  - {listed}{more}")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Benchmark:
    """Episodes to remember, questions to search with, and questions to report with.

    Args:
        name: short name, used in run directories and reports.
        episodes: everything that can be remembered. In grouped scope a task is asked of a memory that holds
            the episodes of its own group only; in pooled scope one memory holds them all.
        validation: the tasks that the search sees.
        test: the tasks that are scored once, when the search has ended. Disjoint from ``validation``.
        scope: one memory for all episodes, or one for each group.
        metric: score of a model's answers: a key of ``evolve.scoring.METRICS``; ``judge`` or ``rubric``,
            which ask a judge; or ``reward``, earned in the environment.
        retrieval_metric: the metric of what ``read`` returned, which needs no model; it is the quality of
            an offline campaign, unless that acts in an environment.
        learning: ``offline``, an episode's text is extracted and written; or ``online``, an episode is a
            question that is answered first, and the lesson from its score and right answer is written.
        environment: opens the world that a task is acted out in; None where tasks are answered in words.
        max_steps: most steps of acting out one task.
        guidance: category of tasks → further instruction for the judge of such a task.
        version: changes whenever the data or the protocol do, so that scores are never mixed.
        card: description of the data, their source and licence, and how the protocol differs from the
            original's: shown by ``evolve benchmarks``.

    Example:
        >>> from evolve.records import Evidence
        >>> monday = Episode(id="monday", text="Ada: I moved to Lisbon.")
        >>> def where(name: str) -> Task:
        ...     evidence = (Evidence(episode="monday", text="Ada: I moved to Lisbon."),)
        ...     return Task(id=name, question="Where does Ada live?", answers=("Lisbon",), evidence=evidence)
        >>> mine = Benchmark("mine", (monday,), validation=(where("a"),), test=(where("b"),))
        >>> mine.scope, mine.metric
        ('pooled', 'f1')
    """

    name: str
    episodes: tuple[Episode, ...]
    validation: tuple[Task, ...]
    test: tuple[Task, ...]
    scope: Scope = "pooled"
    metric: str = "f1"
    retrieval_metric: str = "evidence_recall"
    learning: Learning = "offline"
    environment: OpenEnvironment | None = None
    max_steps: int = 50
    guidance: Mapping[str, str] = field(default_factory=dict)
    version: str = "1"
    card: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InvalidBenchmark(self.name, problems)

    def of_groups(self, groups: Iterable[str]) -> tuple[Episode, ...]:
        """The episodes of ``groups``, in their given order; all episodes in pooled scope."""
        if self.scope == "pooled":
            return self.episodes
        wanted = set(groups)
        return tuple(episode for episode in self.episodes if episode.group in wanted)


def _problems(benchmark: Benchmark) -> Iterable[str]:
    if benchmark.scope not in get_args(Scope):
        yield f"scope is {benchmark.scope!r}; expected pooled or grouped"
    if benchmark.learning not in get_args(Learning):
        yield f"learning is {benchmark.learning!r}; expected offline or online"
    if benchmark.max_steps < 1:
        yield f"max_steps is {benchmark.max_steps}; expected at least 1"
    if benchmark.metric not in (*METRICS, *GRADED):
        yield f"metric {benchmark.metric!r} is unknown; expected one of {', '.join((*METRICS, *GRADED))}"
    if benchmark.retrieval_metric not in METRICS:
        yield f"metric {benchmark.retrieval_metric!r} is unknown; expected one of {', '.join(METRICS)}"
    for what in ("episodes", "validation", "test"):
        ids = [entry.id for entry in getattr(benchmark, what)]
        if not ids:
            yield f"{what} is empty"
        if len(set(ids)) < len(ids):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            yield f"{what} has the same id more than once: {', '.join(twice[:3])}"
    if benchmark.learning == "online":
        for episode in benchmark.episodes:
            if episode.task is None:
                yield f"episode {episode.id} has no task to be answered, which online learning needs"
    yield from _unscorable(benchmark)
    for episode in benchmark.episodes:
        if not is_unicode(episode.id + episode.text + episode.group):
            yield f"episode {episode.id!a} has text that is not valid Unicode (half of a surrogate pair)"
    for task in (*benchmark.validation, *benchmark.test):
        yield from _flaws(task)
    both = {task.id for task in benchmark.validation} & {task.id for task in benchmark.test}
    if both:
        yield f"tasks stand in validation and in test: {', '.join(sorted(both)[:3])}"
    if benchmark.scope == "grouped":
        groups = {episode.group for episode in benchmark.episodes}
        for task in (*benchmark.validation, *benchmark.test):
            if task.group not in groups:
                yield f"task {task.id} asks about group {task.group!r}, of which there is no episode"


def _flaws(task: Task) -> Iterator[str]:
    """Yield the reasons why a task cannot be asked or scored, whatever the metric."""
    if not task.question.strip() and not task.world:
        yield f"the question of task {task.id!a} is empty"
    if any(not answer.strip() for answer in task.answers):
        yield f"task {task.id!a} has an empty answer"
    for criterion in task.rubric:
        if not math.isfinite(criterion.points):
            yield f"a criterion of task {task.id!a} has {criterion.points} points, not a finite number"
    passages = (passage.text for passage in task.evidence)
    if not is_unicode("".join((task.id, task.question, task.group, task.category, *task.answers, *passages))):
        yield f"task {task.id!a} has text that is not valid Unicode (half of a surrogate pair)"


def _unscorable(benchmark: Benchmark) -> Iterator[str]:
    """Tasks that lack what one of the benchmark's own metrics needs."""
    metrics = [benchmark.metric] if benchmark.environment else [benchmark.metric, benchmark.retrieval_metric]
    for metric in dict.fromkeys(metrics):
        for task in (*benchmark.validation, *benchmark.test):
            if not can_score(metric, task, acted=benchmark.environment is not None):
                yield f"task {task.id} lacks what the metric {metric} needs"


def can_score(metric: str, task: Task, *, acted: bool) -> bool:
    """Return whether ``task`` has all that ``metric`` needs; ``acted``: there is an environment."""
    if metric in METRICS:
        return METRICS[metric].applies(task)
    return {
        "reward": acted,
        "rubric": any(c.points > 0 for c in task.rubric),
        "judge": bool(task.answers),
    }.get(metric, True)


@dataclass(frozen=True)
class Entry:
    """Benchmark that can be loaded: its loader, its file, and its options."""

    name: str
    path: Path
    loader: Loader

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
        if self.loader is _folder:
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
) -> Callable[[Loader], Loader]: ...
def benchmark(
    loader: Loader | None = None,
    /,
    *,
    files: Iterable[DataFile] = (),
    card: Mapping[str, str] = MappingProxyType({}),
    requires: Requirement | None = None,
    plays: Iterable[str] = (),
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
    """

    def mark(function: Loader) -> Loader:
        function.__evolve_benchmark__ = True  # type: ignore[attr-defined]
        function.__evolve_files__ = tuple(files)  # type: ignore[attr-defined]
        function.__evolve_card__ = card  # type: ignore[attr-defined]
        function.__evolve_requires__ = requires  # type: ignore[attr-defined]
        function.__evolve_plays__ = tuple(plays)  # type: ignore[attr-defined]
        return function

    return mark if loader is None else mark(loader)


def default_data_dir(name: str) -> Path:
    """Return the default data directory of ``name``: ``$EVOLVE_DATA/name``, else in the user's cache."""
    root = os.environ.get("EVOLVE_DATA")
    if root:
        return Path(root).expanduser() / name
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "evolve" / "data" / name


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
    return BenchmarkLocation(_name_of(path), path)


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
        loader = _folder if place.path.is_dir() else _loader_in(place.path)
    return Entry(name=place.name, path=place.path, loader=loader)


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


def _folder(data_dir: Path, *, scope: str = "") -> Benchmark:
    """Folder of your own: episodes and questions as JSON lines, settings in benchmark.toml.

    Args:
        data_dir: the folder.
        scope: ``pooled`` or ``grouped``; empty: as in benchmark.toml, else pooled.
    """
    contents = folder.read(data_dir)
    if scope:
        contents["scope"] = scope
    return Benchmark(**contents)


def _is_name(text: str) -> bool:
    """Return whether an installed benchmark has this name: it precedes a folder that happens to have it
    too.
    """
    return _installed(text).is_file()


def _installed(name: str) -> Path:
    return resources.folder("benchmarks") / f"{name}.py"


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
