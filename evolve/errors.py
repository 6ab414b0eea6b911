"""The one tree of errors: whose fault it is decides what happens next.

EvolveError
├── UsageError            the user's: said in one message, exit code 2, nothing half-written
├── ProgramError          the candidate's: recorded, scored, shown to whoever repairs the program
└── InfrastructureError   ours: engine, image or provider; retried, then *inconclusive*, never a score
"""

from __future__ import annotations

from typing import Literal, get_args

FailureKind = Literal[
    "contract",  # the source breaks the memory-program contract (found without running it)
    "load",  # the module raised while it was imported, or KnowledgeBase(toolkit) did
    "exception",  # write or read raised
    "timeout",  # a call ran past its deadline
    "memory",  # the memory limit was reached
    "crash",  # the process ended (exit, signal, segmentation fault)
    "output",  # more output than allowed, on the channel or on stderr
    "protocol",  # a message that is not of the protocol
    "budget",  # more toolkit calls than allowed
]
FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


class EvolveError(Exception):
    """Base of every error raised on purpose here; its text is fit to be shown as it is."""


class UsageError(EvolveError):
    """The user asked for something that cannot be done; the message says what to do instead."""


class ProgramError(EvolveError):
    """A memory program failed.

    Args:
        kind: what sort of failure, one of ``FAILURE_KINDS``.
        message: one or two sentences that a person or a language model can act on.
        detail: the traceback or the offending text, where there is one.
        fatal: the session is gone; no further call can be made on it.
    """

    def __init__(self, kind: FailureKind, message: str, *, detail: str = "", fatal: bool = False):
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message
        self.detail = detail
        self.fatal = fatal


class InfrastructureError(EvolveError):
    """Something of ours failed; no program may be blamed for it.

    Args:
        message: what was expected and what was found.
        remedy: what to do next, in one sentence.
    """

    def __init__(self, message: str, *, remedy: str = ""):
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy
