"""Detection of comments in place of omitted code."""

from __future__ import annotations

import re

_COMMENT = 120
_PART = (
    r"(?:code|class|methods?|functions?|program|implementation|body|logic|initiali[sz]ation|setup"
    r"|definitions?|imports?|constants?|helpers?|fields?|attributes?|__init__)"
)
_WHICH = (
    r"(?:keep|keeping|leave|the|your|this|all|any|of|other|rest|remainder|remaining|existing|previous|original"
    r"|old|current|same|everything|else)"
)
_SAME = (
    r"(?:(?:is|are|stays?|remains?|be|as|it|was|were|the|same|exactly|unchanged|before|above|original"
    r"|omitted"
    r"|left|for|brevity|no|not|changes?|changed|needed|here|in|kept|out|to|previous|version|program"
    r")(?:[ ,]+|\Z))+"
)
_ELISION = re.compile(
    rf"(?:{_WHICH}[ ,]+)*{_PART}(?:[ ,]+(?:of|the|your|this|in|here|goes|above|below|{_PART}))*"
    rf"(?:[ ,]+{_SAME})?"
    rf"|(?:(?:keep|leave)[ ]+)?(?:(?:the|all)[ ]+)?(?:rest|remainder|others?|everything else)[ ]+{_SAME}"
    rf"|{_SAME}|etc|and so on",
    re.IGNORECASE,
)
_TELLING = re.compile(
    r"\b(?:rest|remainder|remaining|existing|other|others|previous|original|same|unchanged|omitted"
    r"|no changes?|as before|everything else|etc|and so on)\b",
    re.IGNORECASE,
)


def is_elision(comment: str) -> bool:
    """Return whether a comment replaces omitted code, such as ``# ... rest of the method unchanged``."""
    body = comment.lstrip("#").strip()
    plain = body[:_COMMENT].strip(" .…()[]<>-—*:;!")
    if not plain:
        return "..." in body or "…" in body
    dotted = body.startswith(("...", "…")) or body.endswith(("...", "…"))
    if dotted and _TELLING.search(plain):
        return True
    return bool(_TELLING.search(plain)) and _ELISION.fullmatch(plain) is not None
