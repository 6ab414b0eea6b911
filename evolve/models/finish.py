"""Finish reasons of the providers, mapped to their meaning for a reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Finish = Literal["whole", "cut", "filtered", "refused", "error"]

_MEANINGS: Mapping[Finish, tuple[str, ...]] = {
    "whole": (
        "stop",
        "end_turn",
        "end",
        "eos",
        "eos_token",
        "stop_sequence",
        "stop_token",
        "complete",
        "completed",
        "finished",
        "finish_reason_unspecified",
    ),
    "cut": (
        "length",
        "max_tokens",
        "max_length",
        "max_output_tokens",
        "model_length",
        "limit",
        "continuation",
        "incomplete",
        "pause_turn",
        "compaction",
        "model_context_window_exceeded",
        "repetition_truncation",
    ),
    "filtered": (
        "content_filter",
        "content_filtered",
        "safety",
        "image_safety",
        "recitation",
        "language",
        "blocklist",
        "prohibited_content",
        "spii",
        "sensitive",
        "guardrail_intervened",
        "error_toxic",
    ),
    "refused": ("refusal", "refused"),
}
_BY_REASON: Mapping[str, Finish] = {
    reason: finish for finish, reasons in _MEANINGS.items() for reason in reasons
}


def finish_of(reason: str) -> Finish:
    """Return the meaning of a finish reason; case does not matter.

    Only ``stop`` and its synonyms are a whole reply. An unknown reason is an error: a text that ends with a
    tool call, an abort or a lost connection is part of an answer at best.

    >>> finish_of("end_turn"), finish_of("MAX_TOKENS"), finish_of("tool_calls")
    ('whole', 'cut', 'error')
    """
    return _BY_REASON.get(reason.strip().lower(), "error")
