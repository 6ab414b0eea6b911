"""Negotiation of one call with its server: refused features are left out or replaced, and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolve.models.adaptations import (
    IN_TEXT,
    LEFT_OUT,
    LIMIT,
    STRUCTURED,
    SYSTEM,
    THOUGHTS,
    TOOLS,
    Adaptations,
)
from evolve.models.provider import AttemptFailed, without_numbers
from evolve.models.refusals import (
    is_of_the_schema,
    is_of_the_value,
    refused_features,
    speaks_of_reply,
    suggests,
    unsupported_parameters,
)
from evolve.models.settings import THOUGHT_TOKENS, ModelSettings
from evolve.models.shaping import LIMITS, PROMPT, Sent, Wanted, next_mode, shape, valued

_NEVER = frozenset({401, 402, 403, 408, 409, 429, 502, 503, 504, 529})
"""Statuses about the server or the account, never about a request's features."""
_MOST = 16  # refusals in one call, of at most so many features
_RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


class Negotiation:
    """Requests of one call, each without the features that the server refused before.

    A change is remembered for all calls only when the changed request was answered. If the server then gives
    the same error, the change is taken back. A feature that the server has taken before is refused for its
    value or its schema, and only that combination is remembered.

    Args:
        adaptations: shared memory of the gateway.
        settings: model and server.
        request: the intended request.
    """

    def __init__(self, adaptations: Adaptations, settings: ModelSettings, request: Wanted) -> None:
        self._adaptations = adaptations
        self._settings = settings
        self._request = request
        self._tried: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._innocent: set[str] = set()
        self._unexplained: set[str] = set()
        self.guessing = False
        """True if the last change followed an error without a reason, which may be an outage."""
        self._last: tuple[str, str] = ("", "")  # message and the feature that was changed for it
        self._refusals = 0
        self._sent = shape(request, self._uses())

    def request(self) -> Sent:
        """Return the next request."""
        self._sent = shape(self._request, self._uses())
        return self._sent

    def adapt(self, failure: AttemptFailed) -> bool:
        """Return whether there is another form to send, after ``failure``."""
        if self._refusals >= _MOST:
            return False
        change = self._change(failure)
        if change is None:
            return False
        self._refusals += 1
        self.guessing = change[0] in self._unexplained
        feature, use = change
        self._tried[feature] = use
        self._reasons.setdefault(feature, failure.message)
        self._last = (without_numbers(failure.message), feature)
        return True

    def worked(self) -> None:
        """Remember the changes, now that the request was answered."""
        for feature, use in self._tried.items():
            if feature in self._unexplained:
                self._adaptations.suspect(self._settings, feature, use, self._reasons[feature])
            else:
                self._learn(feature, use, self._reasons[feature])
        self._adaptations.worked(self._settings, self._sent.features)
        self._tried.clear()

    def _learn(self, feature: str, use: str, reason: str) -> None:
        before = self._adaptations.has_worked(self._settings, feature)
        if feature == STRUCTURED and (before or is_of_the_schema(reason)):
            self._adaptations.learn(self._settings, self._request.schema_feature, use, reason, quiet=True)
        elif feature in self._request.options and use == LEFT_OUT and (before or is_of_the_value(reason)):
            value = valued(feature, self._request.options[feature])
            self._adaptations.learn(self._settings, value, use, reason)
        else:
            self._adaptations.learn(self._settings, feature, use, reason)

    def _uses(self) -> Mapping[str, str]:
        uses: dict[str, Any] = {**self._adaptations.of(self._settings), **self._tried}
        if STRUCTURED in self._tried:
            uses[self._request.schema_feature] = self._tried[STRUCTURED]
        return uses

    def _change(self, failure: AttemptFailed) -> tuple[str, str] | None:
        """Return a feature and its replacement; None where nothing is to be changed."""
        if failure.kind == "truncated":
            can = self._sent.limited and failure.thought and THOUGHTS not in self._uses()
            return (THOUGHTS, f"a limit of {THOUGHT_TOKENS} tokens more") if can else None
        if failure.kind == "too_long":
            return (LIMIT, LEFT_OUT) if self._sent.limited and speaks_of_reply(failure.message) else None
        if (
            failure.limited
            or failure.status is None
            or failure.status in _NEVER
            or failure.kind == "filtered"
        ):
            return None
        message = failure.message
        repeated = without_numbers(message) == self._last[0]
        if repeated and (changed := self._last[1]) != STRUCTURED and changed in self._tried:
            del self._tried[changed]
            self._innocent.add(changed)
        named = unsupported_parameters(message, self._sent.names) or refused_features(message, self._sent)
        for feature in named:
            if feature not in self._innocent and (use := self._use(feature, message)) is not None:
                return feature, use
        return self._unnamed(failure, repeated)

    def _use(self, feature: str, message: str) -> str | None:
        """Return the replacement of a feature that ``message`` names; None if there is none."""
        if feature == STRUCTURED:
            return next_mode(self._sent.mode, self._request.ladder)
        if feature == SYSTEM:
            return "the user's turn"
        if feature == TOOLS:
            return None if self._forced_tools else IN_TEXT
        if not _is_limit(feature):
            return LEFT_OUT
        other = _RENAMED[feature]
        if self._tried.get(feature) == other or not (
            suggests(message, other) or not is_of_the_value(message)
        ):
            return LEFT_OUT if not self._sent.limited else None
        return other if self._uses().get(feature) != other else LEFT_OUT

    def _unnamed(self, failure: AttemptFailed, repeated: bool) -> tuple[str, str] | None:
        """Return a change for an error without a reason: first a default of ours is dropped, then the
        schema.
        """
        named_limit = any(suggests(failure.message, name) for name in LIMITS)
        if self._sent.limited and named_limit and LIMIT not in self._tried:
            return LIMIT, LEFT_OUT
        if TOOLS in self._sent.features and not self._forced_tools:
            return self._suspected(failure, repeated, TOOLS, IN_TEXT, IN_TEXT)
        if STRUCTURED not in self._sent.features:
            return None
        use = next_mode(self._sent.mode, self._request.ladder)
        last = PROMPT if PROMPT in self._request.ladder else None
        return self._suspected(failure, repeated, STRUCTURED, use, last)

    def _suspected(
        self, failure: AttemptFailed, repeated: bool, feature: str, use: str | None, last: str | None
    ) -> tuple[str, str] | None:
        """Return ``use`` of a feature after a rejection, ``last`` after a repeated error that may be an
        outage.
        """
        if failure.kind == "rejected":
            return None if use is None else (feature, use)
        if failure.answered and not self._adaptations.has_worked(self._settings, feature) and last:
            if repeated:  # a server may crash on a schema; an outage gives the same error twice as well
                self._unexplained.add(feature)
                return feature, last
            self._last = (without_numbers(failure.message), "")
        return None

    @property
    def _forced_tools(self) -> bool:
        return self._request.tools is not None and self._request.tools.form == "native"


def _is_limit(feature: str) -> bool:
    return feature in LIMITS
