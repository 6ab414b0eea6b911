"""Local variables that are used before anything is assigned to them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evolve.program.checks import Problem
from evolve.program.static.bindings import COMPREHENSIONS, Bindings, Names, names_bound_by, stored_in
from evolve.program.syntax import FUNCTIONS

_State = Names


def unbound_locals(tree: ast.Module) -> Iterator[Problem]:
    """A problem for each local variable that is, or may be, used before it is assigned.

    A name "may be" unbound if some branch of an ``if`` leaves it unassigned, and no condition around the use
    repeats one around the assignment. Loops are assumed to run at least once, and the body of a ``try`` to be
    completed.
    """
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield from _Function(node).problems()


@dataclass
class _Loop:
    """States of assignment where a loop is left or repeated."""

    breaks: list[_State] = field(default_factory=list)
    continues: list[_State] = field(default_factory=list)


class _Function:
    """Flow of assignments in a function. A state is the set of names surely assigned; None: unreachable."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._node = node
        self._bindings = Bindings(node)
        self._loops: list[_Loop] = []

    def problems(self) -> Iterator[Problem]:
        if self._bindings.locals:
            self._block(self._node.body, frozenset())
            yield from self._bindings.problems()

    def _block(self, body: Sequence[ast.stmt], state: _State | None) -> _State | None:
        for statement in body:
            if state is None:
                return None
            state = self._statement(statement, state)
        return state

    def _statement(self, node: ast.stmt, state: _State) -> _State | None:
        if isinstance(node, (ast.Return, ast.Raise)):
            self._expressions(node, state)
            return None
        if isinstance(node, ast.If):
            return self._if(node, state)
        if isinstance(node, (ast.For, ast.AsyncFor)):
            inner = self._expression(node.iter, state)
            return self._loop(node.body, node.orelse, self._assign(node.target, inner), inner)
        if isinstance(node, ast.While):
            inner = self._expression(node.test, state)
            endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
            return self._guarded_loop(node, inner, endless=endless)
        if isinstance(node, (ast.Try, ast.TryStar)):
            return self._try(node, state)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                state = self._expression(item.context_expr, state)
                if item.optional_vars is not None:
                    state = self._assign(item.optional_vars, state)
            return self._block(node.body, state)
        if isinstance(node, ast.Match):
            return self._match(node, state)
        if isinstance(node, (ast.Break, ast.Continue)):
            if self._loops:
                loop = self._loops[-1]
                (loop.breaks if isinstance(node, ast.Break) else loop.continues).append(state)
            return None
        return self._simple(node, state)

    def _simple(self, node: ast.stmt, state: _State) -> _State:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            if node.value is None:
                return state
            state = self._expression(node.value, state)
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                state = self._assign(target, state)
            return state
        if isinstance(node, ast.AugAssign):
            state = self._expression(node.value, state)
            if isinstance(node.target, ast.Name):
                self._bindings.use(node.target.id, node.target.lineno, state)
                self._bindings.augment(node.target.id)
                return state | {node.target.id}
            return self._expression(node.target, state)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            now = [*node.decorator_list]
            if isinstance(node, ast.ClassDef):
                now += [*node.bases, *(keyword.value for keyword in node.keywords)]
            else:
                now += [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
            for part in now:
                state = self._expression(part, state)
            return self._bind(node.name, node.lineno, state)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                state = self._bind(alias.asname or alias.name.partition(".")[0], node.lineno, state)
            return state
        return self._expressions(node, state)

    def _if(self, node: ast.If, state: _State) -> _State | None:
        state = self._expression(node.test, state)
        with self._bindings.guarded(_variables(node.test)):
            outcomes = [self._block(node.body, state), self._block(node.orelse, state)]
        return _joined(outcomes)

    def _match(self, node: ast.Match, state: _State) -> _State | None:
        state = self._expression(node.subject, state)
        outcomes: list[_State | None] = []
        complete = False
        with self._bindings.guarded(_variables(node.subject)):
            for case in node.cases:
                inner = state
                for part in ast.walk(case.pattern):
                    name = getattr(part, "name", None) or getattr(part, "rest", None)
                    if isinstance(part, ast.pattern) and isinstance(name, str):
                        inner = self._bind(name, part.lineno, inner)
                if case.guard is not None:
                    inner = self._expression(case.guard, inner)
                plain = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
                complete = complete or (plain and case.guard is None)
                outcomes.append(self._block(case.body, inner))
        return _joined(outcomes if complete else [*outcomes, state])

    def _guarded_loop(self, node: ast.While, state: _State, *, endless: bool) -> _State | None:
        with self._bindings.guarded(_variables(node.test)):
            return self._loop(node.body, node.orelse, state, None if endless else state)

    def _loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], state: _State, skipped: _State | None
    ) -> _State | None:
        """The state after a loop; ``skipped`` is the one before it, None if only a break ends it."""
        loop = _Loop()
        self._loops.append(loop)
        with self._bindings.in_loop(state if skipped is None else skipped):
            end = self._block(body, state)
        self._loops.pop()
        done = _joined([end, *loop.continues])
        if skipped is None:
            return _joined(list(loop.breaks))
        done = self._block(orelse, skipped if done is None else done)
        return _joined([done, *loop.breaks])

    def _try(self, node: ast.Try | ast.TryStar, state: _State) -> _State | None:
        body = self._block(node.body, state)
        done = self._block(node.orelse, body)
        assigned = state | {n for s in node.body for n in _bound_within(s)}
        outcomes = [done]
        for handler in node.handlers:
            inner = assigned if body is None else body | assigned
            if handler.type is not None:
                inner = self._expression(handler.type, inner)
            if handler.name:
                inner = self._bind(handler.name, handler.lineno, inner)
            outcomes.append(self._block(handler.body, inner))
        after = _joined(outcomes)
        if not node.finalbody:
            return after
        final = self._block(node.finalbody, assigned if after is None else after)
        return None if after is None else final

    def _assign(self, target: ast.expr, state: _State) -> _State:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                state = self._bind(part.id, part.lineno, state)
            elif isinstance(part, (ast.Attribute, ast.Subscript)):
                state = self._expressions(part, state)
        return state

    def _bind(self, name: str, line: int, state: _State) -> _State:
        self._bindings.bind(name, line)
        return state | {name}

    def _expressions(self, node: ast.AST, state: _State) -> _State:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                state = self._expression(child, state)
            elif isinstance(child, (ast.keyword, ast.FormattedValue, ast.Slice)):
                state = self._expressions(child, state)
        return state

    def _expression(self, node: ast.expr, state: _State) -> _State:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self._bindings.use(node.id, node.lineno, state)
            return state
        if isinstance(node, ast.NamedExpr):
            state = self._expression(node.value, state)
            return self._bind(node.target.id, node.lineno, state)
        if isinstance(node, ast.Lambda):
            for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
                state = self._expression(default, state)
            return state
        if isinstance(node, COMPREHENSIONS):
            return self._comprehension(node, state)
        if isinstance(node, (ast.BoolOp, ast.IfExp)):
            return self._choice(node, state)
        return self._expressions(node, state)

    def _choice(self, node: ast.BoolOp | ast.IfExp, state: _State) -> _State:
        if isinstance(node, ast.BoolOp):
            first = self._expression(node.values[0], state)
            inner = first
            for value in node.values[1:]:
                inner = self._expression(value, inner)
            return inner
        state = self._expression(node.test, state)
        with self._bindings.guarded(_variables(node.test)):
            outcomes = [self._expression(node.body, state), self._expression(node.orelse, state)]
        return outcomes[0] & outcomes[1]

    def _comprehension(self, node: ast.expr, state: _State) -> _State:
        assert isinstance(node, COMPREHENSIONS)
        state = self._expression(node.generators[0].iter, state)
        own = {n for g in node.generators for n in _bound_within(g.target)}
        inner = state | own
        if isinstance(node, ast.GeneratorExp):
            inner = inner | self._bindings.locals  # it may run later
        for number, generator in enumerate(node.generators):
            if number:
                inner = self._expression(generator.iter, inner)
            for test in generator.ifs:
                inner = self._expression(test, inner)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for part in parts:
            inner = self._expression(part, inner)
        walrus = {n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr)}
        return state | walrus


def _joined(states: Sequence[_State | None]) -> _State | None:
    reached = [state for state in states if state is not None]
    return frozenset.intersection(*reached) if reached else None


def _variables(test: ast.expr) -> _State:
    """The variables and attributes that a condition asks about."""
    called = {id(n.func) for n in ast.walk(test) if isinstance(n, ast.Call)}
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name) and id(n) not in called}
    attributes = {ast.unparse(n) for n in ast.walk(test) if isinstance(n, ast.Attribute)}
    return frozenset((names | attributes) - {"self"})


def _bound_within(node: ast.AST) -> set[str]:
    return {*names_bound_by(node), *stored_in(node)}
