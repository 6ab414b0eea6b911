"""When two sources are the same program."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator

from evolve.program.parts import assigned_name

_NO_PART_OF_BEHAVIOUR = frozenset({"COMMIT_MESSAGE"})
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_NO_PART_OF_MEANING = frozenset({"kind", "type_comment", "type_ignores"})


def fingerprint(tree: ast.Module) -> str:
    """SHA-256 of the syntax tree without docstrings and commit message; layout and comments are not in it."""
    digest = hashlib.sha256()
    for token in _tokens(tree):
        digest.update(token.encode("utf-8", "surrogatepass"))
        digest.update(b"\n")
    return digest.hexdigest()


def _tokens(tree: ast.Module) -> Iterator[str]:
    """The tree in prefix order; by a stack of our own, so that no depth is too deep that the parser took."""
    stack: list[object] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.AST):
            yield type(node).__name__
            fields = [name for name in node._fields if name not in _NO_PART_OF_MEANING]
            stack.extend(_behaviour(node, name) for name in reversed(fields))
        elif isinstance(node, list):
            yield f"[{len(node)}"
            stack.extend(reversed(node))
        else:
            # Hexadecimal, because Python refuses to print an integer of many digits in decimal.
            yield f"{type(node).__name__} {hex(node) if type(node) is int else repr(node)}"


def _behaviour(node: ast.AST, name: str) -> object:
    """The field ``name`` of ``node``, less what does not change what the program does."""
    value = getattr(node, name, None)
    if name != "body" or not isinstance(node, _DOCUMENTED):
        return value
    # A body must not become empty: `pass` says the same as a lone docstring.
    body = node.body[1:] or [ast.Pass()] if ast.get_docstring(node, clean=False) is not None else node.body
    if isinstance(node, ast.Module):
        return [s for s in body if assigned_name(s) not in _NO_PART_OF_BEHAVIOUR]
    return body
