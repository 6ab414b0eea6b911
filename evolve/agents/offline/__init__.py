"""A rule-based agent and judge: no network, no key, the same words for the same input.

They exist so that a campaign can be seen to work end to end. They are no language model and predict none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from evolve.agents.offline.answering import answer
from evolve.agents.offline.extraction import Source, fill
from evolve.agents.protocol import Extraction, Recollection, Response
from evolve.models.tokens import estimate_usage
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Fields, Task
from evolve.scoring import f1, normalise

__all__ = ["OfflineAgent", "OfflineJudge"]


class OfflineAgent:
    """Fills fields by their names, asks with the question's own words, answers with the best-matching span.

    It follows no instruction. Usage is what a model doing the same would have read and written, estimated
    (``evolve.models.tokens``), so that programs can be compared by cost.
    """

    @property
    def identity(self) -> str:
        """Name and version of the rules."""
        return "offline-agent-1"

    def extract(self, parts: Parts, episodes: Sequence[Episode]) -> list[Extraction]:
        """Item fields from each episode's text; see ``extraction.RULES``."""
        prompt = parts.instructions.get("INSTRUCTION_KNOWLEDGE_ITEM", "") + _schema(parts.item)
        return [self._filled(parts.item, Source(episode.text), prompt) for episode in episodes]

    def formulate(self, parts: Parts, tasks: Sequence[Task]) -> list[Extraction]:
        """Query fields from each question."""
        prompt = parts.instructions.get("INSTRUCTION_QUERY", "") + _schema(parts.query)
        return [self._filled(parts.query, Source(task.question, asked=True), prompt) for task in tasks]

    def respond(self, parts: Parts, recollections: Sequence[Recollection]) -> list[Response]:
        """For each task a span of ``ALWAYS_ON_KNOWLEDGE`` and what was retrieved."""
        instruction = parts.instructions.get("INSTRUCTION_RESPONSE", "")
        responses = []
        for recollection in recollections:
            question = recollection.task.question
            context = f"{recollection.retrieved}\n{parts.always_on}"
            text = answer(question, context)
            responses.append(Response(text, estimate_usage((instruction, context, question), text)))
        return responses

    def _filled(self, specs: Sequence[FieldSpec], source: Source, prompt: str) -> Extraction:
        fields: Fields = fill(specs, source)
        return Extraction(
            fields, estimate_usage((prompt, source.text), json.dumps(fields, ensure_ascii=False))
        )


class OfflineJudge:
    """Accepts an answer that shares enough words with a gold one. A heuristic: it understands nothing.

    Args:
        threshold: the token F1 from which on an answer is right; one that contains a gold answer as a run of
            words is right too.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    @property
    def identity(self) -> str:
        """Name, version and threshold."""
        return f"offline-judge-1/{self.threshold:g}"

    def grade(self, tasks: Sequence[Task], answers: Sequence[str]) -> list[float]:
        """1.0 or 0.0 for each answer."""
        return [float(self._accepts(task, text)) for task, text in zip(tasks, answers, strict=True)]

    def _accepts(self, task: Task, text: str) -> bool:
        found = f" {normalise(text)} "
        gold = [normalise(accepted) for accepted in task.answers]
        contained = any(accepted and f" {accepted} " in found for accepted in gold)
        return contained or f1(task, text) >= self.threshold


def _schema(specs: Sequence[FieldSpec]) -> str:
    """The fields as a model would be shown them, for the estimate of tokens."""
    return "".join(f"\n{spec.name}: {spec.type} {spec.description}" for spec in specs)
