"""Names that scopes bind: assignments of a function's local variables, and uses of them before one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evolve.program.checks import Problem
from evolve.program.syntax import FUNCTIONS

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


def parameters_of(scope: ast.AST) -> set[str]:
    """The parameters of a function or lambda; none of any other node."""
    arguments = getattr(scope, "args", None)
    if not isinstance(arguments, ast.arguments):
        return set()
    return {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)}


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope itself, without those of nested functions, classes and comprehensions.

    Of comprehensions, names bound by ``:=`` belong to the scope around them.
    """
    for child in ast.iter_child_nodes(scope):
        yield child
        if isinstance(child, COMPREHENSIONS):
            yield from (node for node in ast.walk(child) if isinstance(node, ast.NamedExpr))
        elif not isinstance(child, SCOPES):
            yield from own_nodes(child)


def names_bound_by(node: ast.AST) -> Iterator[str]:
    """Return the names that ``node`` itself binds, as one of the nodes of a scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def stored_in(scope: ast.AST) -> set[str]:
    """The names that the nodes of a scope bind, its parameters left out."""
    return {name for node in own_nodes(scope) for name in names_bound_by(node)}


def locals_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The names that a function's own statements bind; parameters and outer names left out."""
    body = ast.Module(body=function.body, type_ignores=[])
    outer: set[str] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Nonlocal):
            outer.update(node.names)
    for node in own_nodes(body):
        if isinstance(node, ast.Global):
            outer.update(node.names)
    return frozenset(stored_in(body) - outer - parameters_of(function))


Names = frozenset[str]


@dataclass(frozen=True)
class Assignment:
    """Assignment to a local variable.

    Attributes:
        line: its line.
        guards: what the conditions around it ask about.
    """

    line: int
    guards: Names


class Bindings:
    """Assignments and unassigned uses in a function, in the order in which they are met.

    Args:
        node: the function.
    """

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.locals = locals_of(node)
        self._node = node
        self._assignments: dict[str, list[Assignment]] = {}
        self._found: dict[str, tuple[int, Names, Names]] = {}
        self._guards: list[Names] = []
        self._before_loop: list[Names] = []
        self._augmented: set[str] = set()

    @contextmanager
    def guarded(self, asked: Names) -> Iterator[None]:
        """Meet what follows under a condition that asks about ``asked``."""
        self._guards.append(asked)
        yield
        self._guards.pop()

    @contextmanager
    def in_loop(self, before: Names) -> Iterator[None]:
        """Meet what follows in a loop; ``before`` are the names assigned before it."""
        self._before_loop.append(before)
        yield
        self._before_loop.pop()

    def bind(self, name: str, line: int) -> None:
        """Meet an assignment to ``name``."""
        guards = frozenset().union(*self._guards)
        self._assignments.setdefault(name, []).append(Assignment(line, guards))

    def augment(self, name: str) -> None:
        """Meet an assignment such as ``name += 1``, which uses the name too."""
        self._augmented.add(name)

    def use(self, name: str, line: int, assigned: Names) -> None:
        """Meet a use of ``name`` where ``assigned`` are surely assigned."""
        if name in self.locals and name not in assigned and name not in self._found:
            guards = frozenset().union(*self._guards)
            steady = self._before_loop[-1] if self._before_loop else frozenset()
            parameters = parameters_of(self._node)
            self._found[name] = (line, guards, steady | parameters)

    def problems(self) -> Iterator[Problem]:
        """A problem for each variable that was used before it was, or may have been, assigned."""
        for name, (line, guards, steady) in self._found.items():
            assignments = self._assignments.get(name, [])
            if not assignments and name not in self._augmented:
                continue  # assigned in code that is never reached, or deleted
            later = all(assignment.line >= line for assignment in assignments)
            if later and not self._before_loop_of(name, line):
                yield Problem(line, f"`{name}` is used before it is assigned; assign it above this line")
                continue
            if later and guards & steady:
                continue  # as in `if not first: use(previous)`, with `first` set before the loop
            if not later and any(guards & assignment.guards for assignment in assignments):
                continue
            where = assignments[0].line
            lines = f"line {where}, which" if len(assignments) == 1 else "lines that"
            yield Problem(
                line,
                f"`{name}` may be unbound here: it is assigned in {lines} may not run before; assign it "
                "before the loop or condition",
            )

    def _before_loop_of(self, name: str, line: int) -> bool:
        """Return whether the use at ``line`` shares a loop with an assignment further down."""
        lines = [assignment.line for assignment in self._assignments.get(name, [])]
        return any(
            isinstance(loop, (ast.For, ast.AsyncFor, ast.While))
            and loop.lineno <= line <= (loop.end_lineno or 0)
            and any(loop.lineno <= at <= (loop.end_lineno or 0) for at in lines)
            for loop in ast.walk(self._node)
        )
