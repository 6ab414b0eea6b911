"""Callbacks of a program to the host in the middle of one call, charged before they are done."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from evolve.errors import BudgetReached, InfrastructureError, ProgramError
from evolve.records import Usage
from evolve.sandboxes.messages import Complete, Embed
from evolve.sandboxes.protocol import Limits, Services


class Callbacks:
    """Handler of the callbacks of one write, read or observe, with their account.

    Attributes:
        seconds: time spent in services.
        usage: model work done.
        refusal: the first callback over a budget, or that no model can answer: the call has failed,
            whatever the program does with it.
        outage: the first failure of a service, which voids the evaluation; or the campaign's spending limit.
    """

    def __init__(
        self, services: Services, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = 0.0
        self.usage = Usage()
        self.refusal: ProgramError | None = None
        self.outage: InfrastructureError | BudgetReached | None = None
        self._services = services
        self._limits = limits
        self._clock = clock
        self._texts = 0
        self._calls = 0

    def answer(self, request: Embed | Complete) -> dict[str, Any]:
        """Return the message to send back."""
        started = self._clock()
        try:
            return self._embed(request) if isinstance(request, Embed) else self._complete(request)
        except (InfrastructureError, BudgetReached) as error:
            self.outage = self.outage or error
            return {"error": "the model could not be reached; this evaluation is void"}
        except ProgramError as error:  # over a budget, or an impossible request
            self.refusal = self.refusal or error
            return {"error": error.message}
        finally:
            self.seconds += self._clock() - started

    def _embed(self, request: Embed) -> dict[str, Any]:
        texts = request.texts
        self._texts += len(texts)
        if self._texts > self._limits.embed_texts:
            raise ProgramError(
                "budget",
                f"toolkit.embed was given {self._texts} texts in one call of the program; "
                f"at most {self._limits.embed_texts} are allowed",
            )
        vectors = np.ascontiguousarray(self._services.embed(texts), dtype="<f4")
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise InfrastructureError(
                f"The embedding service gave an array of shape {vectors.shape} for {len(texts)} texts.",
                remedy=f"It must give shape ({len(texts)}, d).",
            )
        return {"vectors": base64.b64encode(vectors.tobytes()).decode("ascii")}

    def _complete(self, request: Complete) -> dict[str, Any]:
        self._calls += 1
        if self._calls > self._limits.model_calls:
            raise ProgramError(
                "budget",
                f"toolkit.llm_completion was called {self._calls} times in one write, read or observe; "
                f"at most {self._limits.model_calls} are allowed",
            )
        characters = sum(len(text) for message in request.messages for text in message.values())
        if characters > self._limits.model_input_characters:
            raise ProgramError(
                "budget",
                f"toolkit.llm_completion was given {characters} characters; "
                f"at most {self._limits.model_input_characters} are allowed",
            )
        completion = self._services.complete(request.messages, dict(request.options))
        self.usage += completion.usage
        return {"text": completion.text}
