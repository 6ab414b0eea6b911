"""Types of plain expressions in a program: the toolkit, ``query``, ``item``, its own classes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from evolve.program.parts import BASE_CLASS
from evolve.program.static.bindings import COMPREHENSIONS, own_nodes, parameters_of, stored_in
from evolve.program.static.classes import Type
from evolve.program.syntax import FUNCTIONS

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_ROUNDS = 4


class Scopes:
    """The scopes of a program, and the types of the names in them.

    A name has a type if all values assigned to it have that type, ``None`` aside.

    Args:
        tree: the program.
        types: the types by name.
        given: (method of KnowledgeBase, index of parameter) → name of the type that it is called with.
    """

    def __init__(
        self, tree: ast.Module, types: Mapping[str, Type], given: Mapping[tuple[str, int], str]
    ) -> None:
        self._types = types
        self.classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        self._scope_of: dict[int, tuple[ast.AST, ...]] = {}
        self._order: list[tuple[ast.AST, str]] = []
        self._scopes: list[ast.AST] = []
        self._bound: dict[int, set[str]] = {}
        self._visit(tree, (), "")
        self._values = {id(scope): _assigned(scope) for scope in self._scopes}
        self._parameters: dict[tuple[int, str], str] = {}
        self._give(given)
        self._names: dict[tuple[int, str], str] = {}
        self._attributes: dict[tuple[str, str], str] = {}
        for _ in range(_ROUNDS):
            before = (dict(self._names), dict(self._attributes), dict(self._parameters))
            self._assign_names()
            self._assign_attributes()
            self._assign_parameters()
            if before == (self._names, self._attributes, self._parameters):
                break

    def nodes(self) -> Iterator[tuple[ast.AST, str]]:
        """Yield every node of the program with the name of its class."""
        return iter(self._order)

    def is_local(self, name: ast.Name) -> bool:
        """Return whether a name is bound by a function or comprehension around it."""
        return any(name.id in self._bound[id(scope)] for scope in self._scope_of.get(id(name), ()))

    def type_of(self, node: ast.expr) -> Type | None:
        """Return the type of an expression; None where it is unknown."""
        name = self._type_name(node)
        return self._types.get(name) if name else None

    def _visit(self, node: ast.AST, scopes: tuple[ast.AST, ...], owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            self._scope_of[id(child)] = scopes
            self._order.append((child, owner))
            if isinstance(child, (*FUNCTIONS, ast.Lambda, *COMPREHENSIONS)):
                self._scopes.append(child)
                self._bound[id(child)] = parameters_of(child) | stored_in(child)
                self._visit(child, (*scopes, child), owner)
            elif isinstance(child, ast.ClassDef):
                self._visit(child, scopes, "" if scopes or owner else child.name)
            else:
                self._visit(child, scopes, owner)

    def _give(self, given: Mapping[tuple[str, int], str]) -> None:
        for node, owner in self._order:
            if not isinstance(node, FUNCTIONS) or not owner or len(self._scope_of[id(node)]) > 0:
                continue
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
            static = any(
                isinstance(d, ast.Name) and d.id in ("staticmethod", "classmethod")
                for d in node.decorator_list
            )
            if names and not static:
                self._parameters[id(node), names[0]] = owner
            for (method, index), kind in given.items():
                if owner == BASE_CLASS and method == node.name and index < len(names):
                    self._parameters[id(node), names[index]] = kind

    def _type_name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            for scope in reversed(self._scope_of.get(id(node), ())):
                if node.id in self._bound[id(scope)]:
                    return self._names.get((id(scope), node.id), "")
            return ""
        if isinstance(node, ast.Attribute):
            owner = self._type_name(node.value)
            kind = self._types.get(owner)
            if kind is None:
                return ""
            if (owner, node.attr) in self._attributes:
                return self._attributes[owner, node.attr]
            if kind.line or node.attr in kind.methods:
                return ""
            return kind.gives.get(node.attr, "")
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                known = node.func.id in self.classes and not self.is_local(node.func)
                return node.func.id if known else ""
            if isinstance(node.func, ast.Attribute):
                kind = self._types.get(self._type_name(node.func.value))
                if kind is not None and not kind.line and node.func.attr in kind.attributes:
                    return kind.gives.get(node.func.attr, "")
        return ""

    def _assign_names(self) -> None:
        """Assign types to the parameters and variables of functions."""
        for scope in self._scopes:
            values, parameters = self._values[id(scope)], parameters_of(scope)
            for name in self._bound[id(scope)]:
                given = self._parameters.get((id(scope), name), "")
                kinds = {given} if name in parameters else set()
                for value in values.get(name, []):
                    kinds.add("" if value is None else self._type_name(value))
                if len(kinds) == 1 and (kind := kinds.pop()):
                    self._names[id(scope), name] = kind
                else:
                    self._names.pop((id(scope), name), None)

    def _assign_attributes(self) -> None:
        """Assign types to the attributes that the methods of a class store on ``self``."""
        found: dict[tuple[str, str], set[str]] = {}
        for node, _ in self._order:
            for target, value in _targets(node):
                for part in ast.walk(target):
                    if isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load):
                        owner = self._type_name(part.value)
                        if isinstance(value, ast.Constant) and value.value is None and part is target:
                            continue
                        kind = self._type_name(value) if value is not None and part is target else ""
                        found.setdefault((owner, part.attr), set()).add(kind)
        outside = {attribute for (owner, attribute) in found if not owner}
        for (owner, attribute), kinds in found.items():
            if len(kinds) == 1 and (kind := next(iter(kinds))) and owner and attribute not in outside:
                self._attributes[owner, attribute] = kind
            else:
                self._attributes.pop((owner, attribute), None)

    def _assign_parameters(self) -> None:
        """Assign types to the parameters of helpers, where all their calls agree."""
        helpers: dict[tuple[str, str], _Function] = {}
        for node, owner in self._order:
            if isinstance(node, FUNCTIONS) and not self._scope_of[id(node)] and not node.decorator_list:
                helpers[owner, node.name] = node
        calls: dict[tuple[str, str], list[ast.Call]] = {}
        mentions: dict[str, int] = {}
        for node, _ in self._order:
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and not self.is_local(node.func):
                    calls.setdefault(("", node.func.id), []).append(node)
                elif isinstance(node.func, ast.Attribute) and (owner := self._type_name(node.func.value)):
                    calls.setdefault((owner, node.func.attr), []).append(node)
            if isinstance(node, ast.Attribute):
                mentions[node.attr] = mentions.get(node.attr, 0) + 1
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                mentions[node.id] = mentions.get(node.id, 0) + 1
        for key, made in calls.items():
            helper = helpers.get(key)
            if helper is None or mentions.get(key[1], 0) != len(made):
                continue
            names = [a.arg for a in (*helper.args.posonlyargs, *helper.args.args)][1 if key[0] else 0 :]
            for index, name in enumerate(names):
                kinds = {self._argument(call, index, name) for call in made}
                if len(kinds) == 1 and (kind := kinds.pop()):
                    self._parameters[id(helper), name] = kind

    def _argument(self, call: ast.Call, index: int, name: str) -> str:
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return ""
        if index < len(call.args):
            return self._type_name(call.args[index])
        given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
        return "" if given is None else self._type_name(given)


def _targets(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Yield the targets of a statement, each with its value where it is assigned as it is."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        if node.value is not None:
            yield node.target, node.value
    elif isinstance(node, (ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.target, None
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, None
    elif isinstance(node, ast.Delete):
        yield from ((target, None) for target in node.targets)


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr | None]]:
    """Return the values that a scope assigns to each of its names; None for an unknown one."""
    found: dict[str, list[ast.expr | None]] = {}
    nodes = list(own_nodes(scope))
    plain: set[str] = set()
    for node in nodes:
        for target, value in _targets(node):
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
                    none = isinstance(value, ast.Constant) and value.value is None
                    if not (none and part is target):
                        found.setdefault(part.id, []).append(value if part is target else None)
                    plain.add(part.id)
    for name in stored_in(scope) - plain:
        found.setdefault(name, []).append(None)
    return found
