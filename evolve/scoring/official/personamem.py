"""PersonaMem: choice of one of four responses (``inference_standalone_openai.py``)."""

from __future__ import annotations

import re

from evolve.records import Task

_OPENING, _CLOSING = "<final_answer>", "</final_answer>"


def personamem_choice(task: Task, answer: str) -> float:
    """1 if the answer names the right option, ``task.scorer``, and no other, else 0.

    The text after the last ``<final_answer>`` is read, then the whole reply. Options in parentheses count,
    and only without any of those single letters a to d.

    Example:
        >>> right = Task(id="q", question="?", answers=("Tea.",), scorer="(c)")
        >>> personamem_choice(right, "I take <final_answer>(c)"), personamem_choice(right, "(c) or (d)")
        (1.0, 0.0)
    """
    right = {task.scorer.lower().strip("() ")}
    final = answer.strip().rpartition(_OPENING)[2].strip().removesuffix(_CLOSING)
    return float(_options(final) == right or _options(answer) == right)


def _options(text: str) -> set[str]:
    return set(re.findall(r"\(([a-d])\)", text.lower()) or re.findall(r"\b([a-d])\b", text.lower()))
