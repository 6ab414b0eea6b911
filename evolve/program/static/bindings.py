"""Assignments of a function's local variables, and uses of them before one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evolve.program.checks import Problem
from evolve.program.static.scopes import locals_of, parameters_of

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
