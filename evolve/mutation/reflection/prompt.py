"""The conversation with the reflecting model, never longer than its bound."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.models.chat import Message
from evolve.models.prompts import Prompts
from evolve.models.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from evolve.mutation.reflection.context import TEXTS, PromptContext
from evolve.mutation.reflection.fitting import cut, fit
from evolve.mutation.reflection.sections import sections
from evolve.program.checks import ALLOWED_IMPORTS, FIELD_TYPES
from evolve.records import Became, TryKind
from evolve.sandboxes.protocol import Limits

LEAST_TOKENS = 4_000
_ABOUT_CHARACTERS = 1_500
_FULL_WIDTH_TOKENS = 12_000
"""Prompt size in tokens from which single texts are shown at full width."""
_WIDTH_TOKENS = 30_000
"""Divisor of the width in smaller prompts, where several long texts have to fit."""


@dataclass(frozen=True)
class RepairContext:
    """Reason for another round.

    Attributes:
        error: the error, for the model.
        attempt: the model's last answer; empty where none arrived.
        became: kind of answer.
        line: the faulty line of the answer, where one is known.
        cut_off: the answer was longer than allowed.
    """

    error: str
    attempt: str = ""
    became: Became = "unreadable"
    line: str = ""
    cut_off: bool = False

    @property
    def fruitless(self) -> bool:
        """True if the answer was a program without gain, which a new draw is told to avoid."""
        return self.became in ("worse", "no effect", "same", "duplicate")


def width_of(tokens: int) -> float:
    """Return the width of single texts in a prompt of ``tokens``, in (0, 1].

    >>> width_of(12_000), width_of(6_000)
    (1.0, 0.2)
    """
    return 1.0 if tokens >= _FULL_WIDTH_TOKENS else tokens / _WIDTH_TOKENS


def system_text(limits: Limits, about: str, texts: Prompts = TEXTS) -> str:
    """The contract under ``limits``."""
    return texts["contract"].say(
        "system",
        about=cut(about, _ABOUT_CHARACTERS),
        types=", ".join(FIELD_TYPES),
        imports=", ".join(sorted(ALLOWED_IMPORTS)),
        **{
            name: f"{getattr(limits, name):,}"
            for name in (
                "read_characters",
                "model_calls",
                "model_input_characters",
                "embed_texts",
                "memory_mb",
            )
        },
        **{name: f"{getattr(limits, name):g}" for name in ("call_seconds", "load_seconds")},
    )


def conversation(
    system: str,
    prompt_context: PromptContext,
    tokens: int,
    repair_context: RepairContext | None = None,
    kind: TryKind = "repair",
) -> tuple[Message, ...]:
    """The messages of one round, of at most ``tokens`` tokens as they are estimated.

    A repair has the original prompt, the last attempt (a quarter of the room at most) and its error (an
    eighth at most), however many rounds there were; the prompt is fitted into the rest. A new draw is told of
    an answer that did not arrive, of one that changed nothing, and of one that was known.
    """
    attempt = error = ""
    if repair_context and kind == "draw" and not repair_context.attempt:
        error = _sendable(prompt_context.texts["repair"].say("lost", error=cut(repair_context.error, tokens)))
    elif repair_context and kind == "draw" and repair_context.fruitless:
        error = _sendable(
            prompt_context.texts["repair"].say("before", error=cut(repair_context.error, tokens))
        )
    elif repair_context and kind == "repair":
        attempt = _sendable(cut(repair_context.attempt, tokens // 4 * CHARACTERS_PER_TOKEN))
        error = cut(repair_context.error, tokens // 8 * CHARACTERS_PER_TOKEN)
        if repair_context.line:
            error += (
                f"\n\n{prompt_context.texts['compact'].say('quoted', line=cut(repair_context.line, 200))}"
            )
        error = _sendable(prompt_context.texts["repair"].say("refused" if attempt else "lost", error=error))
    head = _sendable(system)
    left = (
        tokens - sum(map(estimate_tokens, (head, attempt, error))) - 1
    )  # one for the line between two texts
    shown = _sendable(fit(sections(prompt_context), left * CHARACTERS_PER_TOKEN)).strip()
    if not attempt:
        shown = f"{shown}\n\n{error}".strip()
        return ({"role": "system", "content": head}, {"role": "user", "content": shown})
    return (
        {"role": "system", "content": head},
        {"role": "user", "content": shown},
        {"role": "assistant", "content": attempt},
        {"role": "user", "content": error},
    )


def _sendable(text: str) -> str:
    """``text`` without lone surrogates, which no request can carry; as long as before."""
    return text.encode("utf-8", "replace").decode("utf-8")
