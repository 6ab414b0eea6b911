"""What the host is told when a program, or something that it needs, fails."""

from __future__ import annotations

import traceback
from typing import Any

PROGRAM_FILE = "<program>"
DETAIL_CHARACTERS = 4000
MESSAGE_CHARACTERS = 600


class Refused(Exception):
    """A failure that the host is told about as ``kind``."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


def failed(failure: Refused) -> dict[str, Any]:
    return {
        "kind": "failed",
        "error": failure.kind,
        "message": sendable(failure.message)[:MESSAGE_CHARACTERS],
        "detail": sendable(failure.detail)[-DETAIL_CHARACTERS:],
    }


def sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def explained(error: BaseException, during: str) -> Refused:
    """The failure to report for ``error``, its traceback cut down to the program's own lines."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == PROGRAM_FILE]
    what = "".join(traceback.format_exception_only(type(error), error)).strip()
    lines = ["Traceback (the program's own lines, most recent call last):\n", *traceback.format_list(own)]
    if isinstance(error, MemoryError):
        kind, message = "memory", f"{during} ran out of memory: {what}"
    elif during == "load":
        kind, message = "load", f"the program could not be loaded: {what.splitlines()[-1]}"
    else:
        kind, message = "exception", f"{during} raised {what.splitlines()[-1]}"
    return Refused(kind, message, "".join([*lines, what]) if own else what)
