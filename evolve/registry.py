"""Registry of the parts of a search: built in, registered by a program, or installed as plug-ins.

A part is passed as an object, or named. A name is one of ``evolve.kinds.BUILT_IN``, one that a program gave
to ``evolve.register``, or that of an entry point in the group ``evolve.<kind>s`` of an installed package.
Entry points are listed without importing anything; a plug-in is imported when its name is used, so a broken
one affects nothing else.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from evolve.errors import UsageError
from evolve.kinds import BUILT_IN, OBJECT, Kind, check, group, made

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Registered:
    """A part that is available by name.

    Attributes:
        kind: kind of the part.
        name: name by which it is selected.
        source: ``built in``, ``this program``, or the package that it comes from.
        problem: reason why it cannot be used, with the remedy; empty where none is known.
    """

    kind: Kind
    name: str
    source: str
    problem: str = ""


class Registry:
    """Parts by kind and name.

    Args:
        entry_points: lists the entry points of a group; None for those of this Python environment.

    Example:
        >>> class First:
        ...     def select(self, candidates, archive, rng):
        ...         return candidates[0]
        >>> registry = Registry(entry_points=lambda group: ())
        >>> registry.add("selector", "first", First)
        >>> registry.names("selector")[-2:]
        ('uniform', 'first')
        >>> isinstance(registry.make("selector", "first"), First)
        True
    """

    def __init__(self, entry_points: Callable[[str], Iterable[EntryPoint]] | None = None) -> None:
        self._list = entry_points or _installed
        self._found: dict[Kind, Sequence[EntryPoint]] = {}
        self._added: dict[tuple[Kind, str], Any] = {}

    def add(self, kind: Kind, name: str, thing: Any) -> None:
        """Register ``thing`` as ``name``; a name of this program may be given again, as in a notebook.

        Raises:
            UsageError: the name is built in or invalid; or ``thing`` cannot be of that kind.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} cannot be the name of a {kind}: expected a letter, then up to 63 letters, digits, "
                "'_' or '-'."
            )
        if name in BUILT_IN[kind]:
            raise UsageError(
                f"There is a built-in {kind} called {name!r}. Register yours under another name."
            )
        if not callable(thing):
            check(kind, thing, _label(kind, name, "this program"))
        self._added[kind, name] = thing

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return every name of ``kind``: built in, of this program, then of plug-ins. Imports none."""
        added = (name for of, name in self._added if of == kind)
        plugins = (entry.name for entry in self._plugins(kind))
        return tuple(dict.fromkeys([*BUILT_IN[kind], *added, *plugins]))

    def has(self, kind: Kind, name: str) -> bool:
        """Return whether ``name`` is registered, by this program or by a plug-in; not built in."""
        if (kind, name) in self._added:
            return True
        return bool(_NAME.fullmatch(name)) and any(entry.name == name for entry in self._plugins(kind))

    def problem(self, kind: Kind, name: str) -> str:
        """Return why ``name`` is not a name of ``kind``, listing the valid ones; empty if it is one."""
        if name in BUILT_IN[kind] or name.startswith(OBJECT) or self.has(kind, name):
            return ""
        known = self.names(kind)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f", did you mean {close[0]}?" if close else ""
        return f"expected one of {', '.join(map(repr, known))}{hint}"

    def get(self, kind: Kind, name: str) -> Any:
        """Return the part registered as ``name``, importing it if needed.

        Raises:
            UsageError: there is no such name, two packages claim it, or its plug-in cannot be imported; the
                message says what to do.
        """
        if name.startswith(OBJECT):
            raise UsageError(
                f"The {kind} {name.removeprefix(OBJECT)!r} is an object of the Python program that began "
                f"this run. Resume it from there, with evolve.run(..., {kind}=...)."
            )
        if BUILT_IN[kind].get(name):
            return _resolve(BUILT_IN[kind][name])
        if (kind, name) in self._added:
            return self._added[kind, name]
        found = [entry for entry in self._plugins(kind) if entry.name == name]
        if not found:
            raise UsageError(
                f"There is no {kind} {name!r}: {self.problem(kind, name)}. Register one with "
                f"evolve.register.{kind}, or install a package with an entry point in {group(kind)!r}."
            )
        if len(found) > 1:
            packages = sorted({_package(entry) for entry in found})
            raise UsageError(
                f"The {kind} {name!r} is claimed by {' and '.join(packages)}. Uninstall one of them."
            )
        try:
            return found[0].load()
        except Exception as error:
            raise UsageError(
                f"The {kind} {name!r} of the package {_package(found[0])} cannot be imported from "
                f"{found[0].value}: {type(error).__name__}: {error}. Install the package again, or remove it "
                f"with: pip uninstall {_package(found[0]).partition(' ')[0]}"
            ) from error

    def make(self, kind: Kind, name: str, **offered: Any) -> Any:
        """Return an object of ``kind``: a class or a function is called, an object is taken as it is.

        Args:
            kind: kind of the part.
            name: name under which it is registered.
            offered: arguments that a class or function may take, by the names of its parameters.

        Raises:
            UsageError: as ``get``; or the object cannot be of that kind.
        """
        return made(kind, self.get(kind, name), _label(kind, name, self._source(kind, name)), **offered)

    def registered(self, kind: Kind) -> Iterator[Registered]:
        """List the parts of ``kind`` with their sources. Imports every plug-in to check that it works."""
        for name in BUILT_IN[kind]:
            yield Registered(kind, name, "built in")
        for name in (name for of, name in self._added if of == kind):
            yield Registered(kind, name, "this program")
        for entry in self._plugins(kind):
            problem = ""
            if entry.name in BUILT_IN[kind] or (kind, entry.name) in self._added:
                problem = f"the name {entry.name!r} is taken; the plug-in is not used under it"
            else:
                try:
                    self.get(kind, entry.name)
                except UsageError as error:
                    problem = str(error)
            yield Registered(kind, entry.name, _package(entry), problem)

    def sources(self, kind: Kind) -> list[tuple[str, str]]:
        """List name and source of the parts that are not built in. Imports nothing."""
        added = [(name, "this program") for of, name in self._added if of == kind]
        return added + [(entry.name, _package(entry)) for entry in self._plugins(kind)]

    def _source(self, kind: Kind, name: str) -> str:
        return dict(reversed(self.sources(kind))).get(name, "") if name not in BUILT_IN[kind] else ""

    def _plugins(self, kind: Kind) -> Sequence[EntryPoint]:
        if kind not in self._found:
            self._found[kind] = tuple(self._list(group(kind)))
        return self._found[kind]


class Register:
    """Decorators that register a class, a function or an object under a name: ``evolve.register``.

    Each method is a decorator if called with the name alone, and registers a second argument at once.

    Args:
        registry: the registry to add to.

    Example:
        >>> import evolve
        >>> @evolve.register.selector("newest")
        ... class Newest:
        ...     def select(self, candidates, archive, rng):
        ...         return max((c for c in candidates if c.complete), key=lambda c: c.number)
        >>> evolve.Config(search={"selection": "newest"}).selection
        'newest'
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def selector(self, name: str, thing: Any = None) -> Any:
        """Register a ``Selector``, or a class of them, which may take ``temperature`` and ``config``."""
        return self._add("selector", name, thing)

    def mutator(self, name: str, thing: Any = None) -> Any:
        """Register a ``Mutator``; a class may take ``config``, ``reflectors`` and ``smoke``."""
        return self._add("mutator", name, thing)

    def agent(self, name: str, thing: Any = None) -> Any:
        """Register a ``TaskAgent``; a class may take ``config`` and ``model``, that of the task role."""
        return self._add("agent", name, thing)

    def judge(self, name: str, thing: Any = None) -> Any:
        """Register a ``Judge``; a class may take ``config``, ``guidance`` and ``model``, its own."""
        return self._add("judge", name, thing)

    def sandbox(self, name: str, thing: Any = None) -> Any:
        """Register a ``Sandbox``; a class may take ``notify``, ``pool`` and ``limits``."""
        return self._add("sandbox", name, thing)

    def embedder(self, name: str, thing: Any = None) -> Any:
        """Register an ``Embedder``; a class may take ``passages`` of the benchmark, to fit weights."""
        return self._add("embedder", name, thing)

    def benchmark(self, name: str, thing: Any = None) -> Any:
        """Register a ``Benchmark``, or ``function(data_dir, *, option=default)`` that returns one."""
        return self._add("benchmark", name, thing)

    def executor(self, name: str, thing: Any = None) -> Any:
        """Register a class of executors, which may take ``work``, ``jobs``, ``halt`` and ``config``."""
        return self._add("executor", name, thing)

    def optimizer(self, name: str, thing: Any = None) -> Any:
        """Register an ``Optimizer``, or a class of them, which may take ``config``."""
        return self._add("optimizer", name, thing)

    def _add(self, kind: Kind, name: str, thing: Any) -> Any:
        if thing is not None:
            self._registry.add(kind, name, thing)
            return thing

        def decorate(decorated: T) -> T:
            self._registry.add(kind, name, decorated)
            return decorated

        return decorate


def _label(kind: Kind, name: str, source: str) -> str:
    return f"The {kind} {name!r}" + (f" of {source}" if source else "")


def _package(entry: EntryPoint) -> str:
    """The package of an entry point with its version, such as ``my-plugin 0.1``."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _resolve(where: str) -> Any:
    module, _, attribute = where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _installed(name: str) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # reads the metadata of every package

    return entry_points(group=name)


REGISTRY = Registry()
"""The registry of this process."""
register = Register(REGISTRY)
