"""Default limits of a reply's length by cause, against replies that never end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from evolve.models.chat import Cause
from evolve.models.settings import ModelSettings

REPLY_TOKENS: Mapping[Cause, int] = MappingProxyType(
    {
        "extract": 2_048,
        "query": 512,
        "answer": 1_024,
        "act": 512,
        "judge": 1_024,
        "toolkit": 4_096,
        "reflect": 8_192,
        "repair": 8_192,
        "notes": 2_048,
        "preflight": 16,
    }
)
"""Most tokens of one reply where neither role nor request sets ``max_tokens``. A multiple of what the form
needs; small local models otherwise run on to the end of their context."""
THOUGHT_TOKENS = 16_384
"""Added for models that think: their thoughts count against the same limit, and are far longer."""
_THINKING = re.compile(
    r"(^|[/.-])(o[134](-|$)|gpt-5|gpt-oss|deepseek-r|deepseek-reasoner|qwq|qwen3|magistral)|think|reasoning"
)
_EFFORTS = ("reasoning_effort", "reasoning", "thinking", "thinking_budget")


FIELDS_TOKENS = 256
"""Room for the names of a record's fields, beside the text that they are filled from."""


def reply_tokens(cause: Cause, prompt: int) -> int | None:
    """Return the default limit for a cause; None where replies have no length.

    A record is filled from the text in its prompt, and is hardly longer: a small model that repeats itself is
    cut there.

    Args:
        cause: purpose of the request.
        prompt: estimated tokens of the prompt.

    Example:
        >>> reply_tokens("extract", 600), reply_tokens("extract", 5_000), reply_tokens("reflect", 600)
        (856, 2048, 8192)
    """
    most = REPLY_TOKENS.get(cause)
    return min(most, FIELDS_TOKENS + prompt) if most and cause == "extract" else most


def thinks(settings: ModelSettings) -> bool:
    """Return whether a model is known to think before it answers, by its parameters or its name.

    This only saves one reply that is cut off in its thoughts, by which other thinking models are noticed.
    """
    return any(name in settings.parameters for name in _EFFORTS) or bool(
        _THINKING.search(settings.model.lower())
    )
