"""Requests to the reflecting model: their messages, sampling parameters and retries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from evolve.models.chat import Message
from evolve.mutation.bandit import BudgetedThompson, Pull
from evolve.mutation.reflection.compact import compact_conversation
from evolve.mutation.reflection.context import PromptContext
from evolve.mutation.reflection.prompt import RepairContext, conversation
from evolve.records import Try, TryKind

Style = Literal["compact", "full"]
_BRIEF_LINES = 25
_WARMER, _WARMEST = 0.15, 1.2
_LONGER = 1.5


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters of a model's replies.

    Attributes:
        max_tokens: most tokens of a reply; half as many again after one that was cut off. None: the model's
            own.
        temperature: of the first draw; raised by 0.15 with each further one. None: the model's own for all.
    """

    max_tokens: int | None = None
    temperature: float | None = None

    def options(self, attempt: int, cut_off: int) -> dict[str, Any]:
        """Parameters of attempt number ``attempt``, from 0, after ``cut_off`` replies that were cut off."""
        options: dict[str, Any] = {}
        if self.max_tokens is not None:
            options["max_tokens"] = int(self.max_tokens * _LONGER**cut_off)
        if self.temperature is not None and attempt:
            warmer = max(self.temperature, min(self.temperature + _WARMER * attempt, _WARMEST))
            options["temperature"] = round(warmer, 2)
        return options


def messages_of(
    style: Style,
    system: str,
    prompt_context: PromptContext,
    tokens: int,
    repair_context: RepairContext | None,
    kind: TryKind,
) -> tuple[Message, ...]:
    """Return the messages of an attempt, of at most ``tokens`` estimated tokens.

    Args:
        style: of the prompt.
        system: its system message.
        prompt_context: content of the prompt.
        tokens: most estimated tokens.
        repair_context: reason for another attempt; None for the first.
        kind: a new draw, or a repair with the error.
    """
    if style == "full":
        return conversation(system, prompt_context, tokens, repair_context, kind)
    texts = prompt_context.texts["compact"]
    notes = []
    if repair_context and repair_context.cut_off:
        notes.append(texts.say("brief", lines=str(_BRIEF_LINES)))
    elif repair_context and kind == "draw" and repair_context.fruitless:
        notes.append(texts.say("again", reason=repair_context.error))
    asked = compact_conversation(system, prompt_context, tokens, tuple(notes))
    if not (repair_context and repair_context.attempt and kind == "repair"):
        return asked
    error = (
        f"{repair_context.error}\n{texts.say('quoted', line=repair_context.line)}"
        if repair_context.line
        else repair_context.error
    )
    return (
        *asked,
        {"role": "assistant", "content": repair_context.attempt},
        {"role": "user", "content": texts.say("refused", error=error)},
    )


_PRIOR = 3
"""Pseudo-counts of the prior, small so that a wrong start is soon corrected."""


class Retrying:
    """Choice between a new draw and a repair, by Thompson sampling on the valid candidates of this model.

    Its state is a function of the outcomes told, which the journal records.

    Args:
        retry: ``draw`` or ``repair``: always the same; ``auto``: learn.
        window: an attempt at candidate n uses the outcomes of the candidates up to n − window.
        prefers: the choice with the better prior.
    """

    def __init__(self, retry: TryKind | Literal["auto"], *, window: int, prefers: TryKind) -> None:
        self._retry: TryKind | Literal["auto"] = retry
        self._window = window
        self._bandit = BudgetedThompson()
        other: TryKind = "repair" if prefers == "draw" else "draw"
        self._bandit.reward(-1, *[Pull(prefers, 1.0, None), Pull(other, 0.0, None)] * _PRIOR)
        self.identity = f"{retry}/{window}/{prefers}" if retry == "auto" else retry
        """Settings that decide the choice besides the outcomes."""

    def tell(self, number: int, tries: tuple[Try, ...]) -> None:
        """Learn the results of the attempts at candidate ``number``; they may be repeated when a run
        resumes.
        """
        again = tries[1:]
        if again:
            pulls = [Pull(one.kind, float(one.became == "valid"), None) for one in again]
            self._bandit.reward(number, *pulls)

    def choose(self, number: int, rng: random.Random) -> TryKind:
        """Choose the kind of the next attempt at candidate ``number``."""
        if self._retry != "auto":
            return self._retry
        chosen = self._bandit.choose(["draw", "repair"], rng, upto=number - self._window)
        return "draw" if chosen == "draw" else "repair"
