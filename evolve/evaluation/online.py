"""Learning online: an episode is a question, and what is written is what its answer taught."""

from __future__ import annotations

import math
from collections.abc import Mapping

from evolve.agents.protocol import Extraction, Recollection, TaskAgent
from evolve.evaluation.grading import Answer, Grading
from evolve.evaluation.recall import Ask
from evolve.program import Parts
from evolve.records import Episode, Task, Usage
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

    def learn(self, episode: Episode, ask: Ask) -> Extraction:
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
        taught = episode.model_copy(update={"text": lesson(episode, response.text, marks.score)})
        (extraction,) = self._agent.extract(self._parts, [taught], self._repeat)
        spent = query.usage + outcome.usage + response.usage + extraction.usage
        return Extraction(extraction.fields, spent, extraction.failure, extraction.inconclusive)


def lesson(episode: Episode, answer: str, score: float) -> str:
    """The text of an online episode once it was answered: the experience that the item is extracted from.

    Args:
        episode: with its task; its own text, if any, comes first.
        answer: what the agent said.
        score: what that earned; NaN where it could not be scored, which is then left out.
    """
    task = episode.task
    assert task is not None
    lines = [
        episode.text.strip(),
        f"Question: {task.question}",
        f"Answer given: {answer.strip() or '(none)'}",
    ]
    if not math.isnan(score):
        lines.append(f"Score of that answer: {score:.2f} of 1")
    lines.append(right_answer(task))
    return "\n".join(line for line in lines if line)


def right_answer(task: Task) -> str:
    """What a right answer is, as it is told after the fact."""
    if task.answers:
        return f"Right answer: {task.answers[0]}"
    wanted = "\n".join(f"- {criterion.text} ({criterion.points:+g})" for criterion in task.rubric)
    return f"What a good answer does:\n{wanted}" if wanted else ""
