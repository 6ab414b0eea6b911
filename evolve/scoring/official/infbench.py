"""Summaries of InfBench, as MemoryAgentBench scores them (``llm_based_eval/summarization_evaluate.py``)."""

from __future__ import annotations

SUMMARY = "infbench_sum"
"""Beginning of the ``scorer`` of a task whose answer is a summary; its rubric are the key points."""


def summary_score(fluent: int, recalled: int, points: int, supported: int, sentences: int) -> float:
    """F1 of a summary's recall of key points and of the support of its sentences; 0 if it is not fluent.

    Args:
        fluent: 1 if the text is coherent, complete and does not repeat itself, else 0.
        recalled: key points that the summary holds.
        points: all key points.
        supported: sentences of the summary that the expert's summary supports.
        sentences: all its sentences, as the judge counts them.

    Example:
        >>> summary_score(1, 3, 4, 1, 2)
        0.6
    """
    recall = recalled / points if points else 0.0
    precision = supported / sentences if sentences else 0.0
    if recall + precision == 0:
        return 0.0
    return fluent * 2 * recall * precision / (recall + precision)
