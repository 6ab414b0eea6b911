"""Hierarchy of errors, by whose fault it is, which decides the handling.

EvolveError ├── UsageError            the user's: said in one message, exit code 2, nothing half-written ├──
ProgramError          the candidate's: recorded, scored, shown to the mutator that repairs it ├──
InfrastructureError   ours: engine, image or provider; retried, then *inconclusive*, never a score │   └──
ModelError        one call to a model failed for good; its kind says what can still be done └── BudgetReached
the limit on tokens or USD is reached: the campaign pauses, and can be resumed
"""

from __future__ import annotations

import copyreg
from typing import Literal, get_args

FailureKind = Literal[
    "contract",  # the source breaks the memory-program contract (found without running it)
    "load",  # the module raised while it was imported, or KnowledgeBase(toolkit) did
    "exception",  # write, read or observe raised
    "timeout",  # a call ran past its deadline
    "memory",  # the memory limit was reached
    "crash",  # the process ended (exit, signal, segmentation fault)
    "output",  # more output than allowed, on the channel or on stderr
    "protocol",  # a message that is not of the protocol
    "budget",  # more toolkit calls than allowed
    "extraction",  # the agent's model could not fill the program's schema, asked twice
]
FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)

ModelErrorKind = Literal[
    "outage",  # transient errors (429, 5xx, connection, stall) outlived every retry
    "setup",  # wrong key, no such model, not allowed: the same for every call until the user fixes it
    "truncated",  # the answer was cut off at the limit of tokens
    "filtered",  # the provider's content filter refused
    "refused",  # the model refused to answer
    "too_long",  # the request does not fit the model's context
    "rejected",  # any other request error (400, 422)
    "malformed",  # a reply that is not of the API's protocol, or not of the form that was asked for
]


class EvolveError(Exception):
    """Base of every deliberate error of this package; its text can be shown as it is.

    Example:
        >>> issubclass(UsageError, EvolveError), issubclass(BudgetReached, EvolveError)
        (True, True)
    """

    def __reduce__(self) -> tuple[object, ...]:
        # The usual way calls the class with the text alone, which some of those below do not take.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UsageError(EvolveError):
    """Request of the user that cannot be fulfilled; the message says what to do instead.

    Example:
        >>> import evolve
        >>> evolve.run(max_candidates=-1)
        Traceback (most recent call last):
            ...
        evolve.errors.UsageError: The configuration from the arguments is not valid: ...
    """


class ProgramError(EvolveError):
    """Failure of a memory program.

    Args:
        kind: kind of failure, one of ``FAILURE_KINDS``.
        message: one or two sentences that a person or a language model can act on.
        detail: the traceback or the offending text, where there is one.
        fatal: the session is gone; no further call can be made on it.

    Example:
        >>> ProgramError("timeout", "read took longer than 60 s").kind
        'timeout'
    """

    def __init__(self, kind: FailureKind, message: str, *, detail: str = "", fatal: bool = False):
        super().__init__(message)
        self.kind: FailureKind = kind
        self.message = message
        self.detail = detail
        self.fatal = fatal


class InfrastructureError(EvolveError):
    """Failure outside of the program under evaluation, which is not blamed for it.

    Args:
        message: what was expected and what was found.
        remedy: what to do next, in one sentence.

    Example:
        >>> str(InfrastructureError("Docker does not answer.", remedy="Start it."))
        'Docker does not answer. Start it.'
    """

    def __init__(self, message: str, *, remedy: str = ""):
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.remedy = remedy


class ModelError(InfrastructureError):
    """Model call that failed for good, after all retries that its kind allows.

    Args:
        kind: what sort of failure, one of ``ModelErrorKind``.
        message: which role and model, and what happened; holds no key.
        remedy: what to do next, in one sentence.
    """

    def __init__(self, kind: ModelErrorKind, message: str, *, remedy: str = ""):
        super().__init__(message, remedy=remedy)
        self.kind: ModelErrorKind = kind

    @property
    def of_this_call(self) -> bool:
        """True if another call may well succeed: neither an outage nor a wrong setup."""
        return self.kind not in ("outage", "setup")


class BudgetReached(EvolveError):
    """Spending limit that the next model call could pass. Nothing failed: a higher limit resumes the
    campaign.

    Args:
        message: which limit, the spending so far, and how to raise it.

    Example:
        >>> isinstance(BudgetReached("The limit of 1.00 USD is reached."), InfrastructureError)
        False
    """
