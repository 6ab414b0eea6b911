"""Identity of programs: the canonical form in which two sources are the same program."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from evolve.program.parts import assigned_name
from evolve.program.syntax import FUNCTIONS

_NO_PART_OF_BEHAVIOUR = frozenset({"COMMIT_MESSAGE"})
_DOCUMENTED = (ast.Module, ast.ClassDef, *FUNCTIONS)
_NO_PART_OF_MEANING = frozenset({"kind", "type_comment", "type_ignores"})
_NONE: Mapping[ast.AST, str] = MappingProxyType({})


def fingerprint(tree: ast.Module, known: Mapping[ast.AST, str] = _NONE) -> str:
    """Return the SHA-256 of the syntax tree without docstrings and commit message; layout and comments are
    not in it.

    Args:
        known: result of ``tokens`` for some functions of the tree.
    """
    return hashlib.sha256(f"{tokens(tree, known)}\n".encode("utf-8", "surrogatepass")).hexdigest()


def tokens(root: ast.AST, known: Mapping[ast.AST, str] = _NONE) -> str:
    """Return the tree in prefix order, a token to a line; with an explicit stack, for any depth.

    Args: known: result of this for some functions of the tree.
    """
    found: list[str] = []
    stack: list[object] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.AST):
            kind = type(node)
            if kind in FUNCTIONS and node in known:
                found.append(known[node])
                continue
            found.append(kind.__name__)
            fields = _fields_of(kind)
            if kind in _DOCUMENTED:
                stack.extend([_behaviour(node, name) for name in fields])
            else:
                stack.extend([getattr(node, name, None) for name in fields])
        elif isinstance(node, list):
            found.append(f"[{len(node)}")
            stack.extend(reversed(node))
        else:
            # Hexadecimal, because Python refuses to print an integer of many digits in decimal.
            found.append(f"{type(node).__name__} {hex(node) if type(node) is int else repr(node)}")
    return "\n".join(found)


@cache
def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """Return the fields of a kind of node that affect its meaning, the last one first."""
    return tuple(name for name in reversed(kind._fields) if name not in _NO_PART_OF_MEANING)


def _behaviour(node: ast.AST, name: str) -> object:
    """Return the field ``name`` of ``node``, without parts that do not change the program's behaviour."""
    value = getattr(node, name, None)
    if name != "body" or not isinstance(node, _DOCUMENTED):
        return value
    # A body must not become empty: `pass` means the same as a lone docstring.
    body = node.body[1:] or [ast.Pass()] if ast.get_docstring(node, clean=False) is not None else node.body
    if isinstance(node, ast.Module):
        return [s for s in body if assigned_name(s) not in _NO_PART_OF_BEHAVIOUR]
    return body
