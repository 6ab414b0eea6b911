"""Learning online: an episode is a question, and what is written is what its answer taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from evolve.agents.lesson import lesson
from evolve.agents.protocol import Extraction, Recollection, TaskAgent
from evolve.evaluation.grading import Answer, Grading
from evolve.evaluation.recall import Ask, Learnt
from evolve.program import Parts
from evolve.records import Episode, Usage
from evolve.sandboxes.protocol import Outcome


class OnlineLearner:
    """Answers the question of an episode with the memory so far, is told the score, and extracts a lesson.

    Args:
        agent: answers and extracts.
        grading: scores its answers.
        parts: of the program.
        queries: episode id → the query for its question, made in advance: a query knows no memory.
        repeat: number of a re-run that measures noise.
    """

    def __init__(
        self,
        agent: TaskAgent,
        grading: Grading,
        parts: Parts,
        queries: Mapping[str, Extraction],
        repeat: int,
    ) -> None:
        self._agent = agent
        self._grading = grading
        self._parts = parts
        self._queries = queries
        self._repeat = repeat

    def learn(self, episode: Episode, ask: Ask) -> Learnt:
        """What is to be written for ``episode``, after its question was answered.

        Args:
            episode: with a task.
            ask: what the memory gives for a query.

        Raises:
            ProgramError: ``read`` failed.
            InfrastructureError: a model could not be reached.
        """
        task = episode.task
        assert task is not None  # checked where the benchmark is made
        query = self._queries[episode.id]
        outcome = ask(query) if query.usable else Outcome("", 0.0, Usage())
        recollection = Recollection(task, query.fields, outcome.text)
        (response,) = self._agent.respond(self._parts, [recollection], self._repeat)
        answer = Answer(task, response.text, outcome.text, inconclusive=response.inconclusive)
        (marks,) = self._grading.marks([answer], self._repeat)
        text = lesson(task, response.text, marks.score)
        taught = episode.model_copy(update={"text": f"{episode.text}\n\n{text}".strip()})
        (extraction,) = self._agent.extract(self._parts, [taught], self._repeat)
        spent = query.usage + outcome.usage + response.usage + extraction.usage
        return Learnt(taught.text, replace(extraction, usage=spent))
