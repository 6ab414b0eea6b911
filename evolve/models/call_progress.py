"""Progress of one model call: its specification, its state, and the record and error that it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.errors import ModelError, ModelErrorKind
from evolve.models.calls import Call, CallOutcome, charged_candidate, charged_to_test
from evolve.models.chat import Cause, Role
from evolve.models.provider import AttemptFailed, Tokens, without_numbers
from evolve.models.settings import ModelSettings
from evolve.records import Usage


@dataclass(frozen=True)
class CallSpec:
    """Specification of a call: role, cause, model, texts to read, and the characters left out of them."""

    role: Role
    cause: Cause
    settings: ModelSettings
    read: Sequence[str]
    max_tokens: int | None = None
    left_out: int = 0
    context_tokens: int | None = None


@dataclass(frozen=True)
class CallCost:
    """Usage and time of a call, with its failed attempts."""

    usage: Usage
    seconds: float


@dataclass(eq=False)
class CallProgress:
    """State of one call in progress."""

    began: float
    attempts: int = 0
    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_reused: int = 0
    usd: float | None = 0.0
    estimated: bool = False
    failure: AttemptFailed | None = None
    outcome: CallOutcome = "cancelled"

    def add(self, tokens: Tokens) -> None:
        """Count the tokens of an attempt."""
        self.tokens_in += tokens.read
        self.tokens_out += tokens.written
        self.tokens_reused += tokens.reused
        self.usd = None if self.usd is None or tokens.usd is None else self.usd + tokens.usd
        self.estimated |= tokens.estimated

    @property
    def usage(self) -> Usage:
        """Usage of all attempts, as of one call."""
        return Usage(
            calls=1,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            usd=self.usd or 0.0,
            unpriced=int(self.usd is None),
        )

    def call(self, spec: CallSpec, now: float) -> Call:
        """Return the record of the call."""
        return Call(
            at=now,
            role=spec.role,
            cause=spec.cause,
            model=spec.settings.model,
            candidate=charged_candidate(),
            test=charged_to_test(),
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            tokens_reused=self.tokens_reused,
            usd=self.usd,
            estimated=self.estimated,
            seconds=round(self.seconds, 4),
            attempts=self.attempts,
            outcome=self.outcome,
            left_out=spec.left_out,
            context_tokens=spec.context_tokens,
        )


@dataclass
class SameError:
    """Error that the server answered to all attempts of a call: no outage, but a fault of the request."""

    message: str = ""
    times: int = 0

    def met(self, failure: AttemptFailed) -> None:
        """Count ``failure`` if it is the same again."""
        if not failure.answered:
            self.times = 0
            return
        message = without_numbers(failure.message)
        self.times = self.times + 1 if message == self.message else 1
        self.message = message

    def rejection(self, failure: AttemptFailed) -> AttemptFailed:
        """Return the failure as a rejection of the request, whose tokens are accounted for already."""
        message = (
            f"{failure.message} (the same error to each of {self.times} attempts, so it is the request's)"
        )
        return AttemptFailed("rejected", message, status=failure.status, answered=True)


_REMEDIES: dict[ModelErrorKind, str] = {
    "outage": "Nothing is lost: rerun the command when the provider answers.",
    "setup": "Fix this and rerun the command; finished work is kept.",
    "truncated": "Raise max_tokens of this role, or leave it out.",
    "too_long": "Use a model with a longer context for this role.",
}


def model_error(spec: CallSpec, failure: AttemptFailed, attempts: int) -> ModelError:
    """Return the error of a call that failed for good."""
    tries = f" after {attempts} attempts" if attempts > 1 else ""
    return ModelError(
        failure.kind,
        f"The {spec.role} model {spec.settings.model} failed{tries}: {failure.message}.",
        remedy=_REMEDIES.get(failure.kind, ""),
    )
