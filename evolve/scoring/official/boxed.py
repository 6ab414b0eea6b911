r"""Final answer in the last ``\boxed{}`` of a reply."""

from __future__ import annotations

_OPENING = "\\boxed{"


def last_boxed(text: str) -> str | None:
    r"""Return the stripped content of the last ``\boxed{}`` of ``text``; None if there is none.

    Braces within it are counted, and a box that is never closed reaches to the end of the text.

    Example:
        >>> last_boxed(r"\boxed{no}, rather \boxed{f(x)={a}}")
        'f(x)={a}'
    """
    start = text.rfind(_OPENING)
    if start < 0:
        return None
    start += len(_OPENING)
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place].strip()
    return text[start:].strip()
