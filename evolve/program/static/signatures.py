"""Signatures read from syntax trees, and calls compared with them."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from evolve.program.static.names import listed, similar


@dataclass(frozen=True)
class Signature:
    """Parameters of a function as a caller sees them, without ``self``.

    Attributes:
        shown: how to call it, such as ``search(embedding, k=5)``.
        positional: parameters that may be given by position, in order.
        position_only: number of the first ones that cannot be given by name.
        required: those of ``positional`` without default.
        keywords: parameters that are given by name only.
        required_keywords: those of ``keywords`` without default.
        many: takes any number of further positions (``*args``).
        any_keyword: takes any further keyword (``**kwargs``).
    """

    shown: str
    positional: tuple[str, ...] = ()
    position_only: int = 0
    required: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    required_keywords: tuple[str, ...] = ()
    many: bool = False
    any_keyword: bool = False


def signature_of(name: str, arguments: ast.arguments, *, bound: bool) -> Signature:
    """The signature of a function; its first parameter is left out where it is ``bound``."""
    every = [*arguments.posonlyargs, *arguments.args]
    names = [argument.arg for argument in every]
    required = names[: len(names) - len(arguments.defaults)]
    keywords = tuple(argument.arg for argument in arguments.kwonlyargs)
    needed = tuple(k for k, default in zip(keywords, arguments.kw_defaults, strict=True) if default is None)
    skip = 1 if bound and names else 0
    defaults = dict(zip(names[len(required) :], arguments.defaults, strict=True))
    shown = [f"{n}={ast.unparse(defaults[n])}" if n in defaults else n for n in names[skip:]]
    shown += [f"*{arguments.vararg.arg}"] if arguments.vararg else ["*"] if keywords else []
    shown += list(keywords)
    shown += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return Signature(
        f"{name}({', '.join(shown)})",
        tuple(names[skip:]),
        max(len(arguments.posonlyargs) - skip, 0),
        tuple(required[skip:]),
        keywords,
        needed,
        arguments.vararg is not None or bool(bound and not names),
        arguments.kwarg is not None,
    )


def mismatch(call: ast.Call, signature: Signature, called: str) -> str:
    """Return the fault in the arguments of ``call``; empty if they fit, or if that cannot be determined."""
    starred = any(isinstance(argument, ast.Starred) for argument in call.args)
    spread = any(keyword.arg is None for keyword in call.keywords)
    given = [keyword.arg for keyword in call.keywords if keyword.arg is not None]
    count = sum(not isinstance(argument, ast.Starred) for argument in call.args)
    form = f"it is `{signature.shown}`"
    takes = len(signature.positional)
    if count > takes and not signature.many:
        return (
            f"`{called}` is called with {count} positional argument{'s' * (count != 1)} and takes "
            f"{takes or 'none'}; {form}"
        )
    by_name = {*signature.positional[signature.position_only :], *signature.keywords}
    for name in given:
        if name not in by_name and not signature.any_keyword:
            close = similar(name, by_name)
            hint = f"; did you mean {listed(close)}?" if close else ""
            return f"`{called}` has no parameter `{name}`{hint}; {form}"
    if not starred:
        twice = [name for name in signature.positional[:count] if name in given]
        if twice and not (signature.any_keyword and twice[0] not in by_name):
            return f"`{called}` is given `{twice[0]}` twice, by position and by name; {form}"
    if starred or spread:
        return ""
    filled = {*signature.positional[:count], *given}
    lacking = [name for name in (*signature.required, *signature.required_keywords) if name not in filled]
    if lacking:
        return f"`{called}` is called without {listed(lacking)}; {form}"
    return ""
