"""When two sources are the same program."""

from __future__ import annotations

import ast
import hashlib

from evolve.program.parts import assigned_name

_NO_PART_OF_BEHAVIOUR = frozenset({"COMMIT_MESSAGE"})


def fingerprint(tree: ast.Module) -> str:
    """SHA-256 of the syntax tree without docstrings and commit message; layout and comments are not in it."""
    bare = _without_docstrings(ast.parse(ast.unparse(tree)))
    bare.body = [node for node in bare.body if assigned_name(node) not in _NO_PART_OF_BEHAVIOUR]
    return hashlib.sha256(ast.dump(bare, annotate_fields=False).encode("utf-8", "surrogatepass")).hexdigest()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                is_text = isinstance(first.value.value, str)
                if is_text:
                    # A body must not become empty: `pass` says the same as a lone docstring.
                    node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree
