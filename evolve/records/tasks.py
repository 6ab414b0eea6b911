"""Records that make up a benchmark."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer

from evolve.records.base import Record

Learning = Literal["offline", "online"]
"""Way in which episodes become items: as they are, or with the lesson of the question that each asks."""

_HIDDEN = frozenset({"answer_format", "scorer", "judge_notes", "after"})
"""Fields of a task that are written only where they are used."""


class Evidence(Record):
    """Passage that supports the correct answer. Gold: never enters a sandbox or an answering prompt.

    Example:
        >>> Evidence(episode="monday", text="Ada moved to Lisbon.").episode
        'monday'
    """

    episode: str = Field(description="id of its episode")
    text: str = Field(description="the passage, exactly as in the episode's text")


class Criterion(Record):
    """Criterion of a rubric. Gold, as answers are."""

    text: str = Field(description="what an answer must, or with negative points must not, do")
    points: float = Field(description="points if it is met; negative for what should not be there")


class Task(Record):
    """Question with what is needed to score its answer: accepted answers, a rubric, or an environment.

    Example:
        >>> Task(id="q1", question="Where does Ada live?", answers=("Lisbon",)).answers[0]
        'Lisbon'
    """

    id: str
    question: str
    answers: tuple[str, ...] = Field(
        default=(),
        description="accepted answers; the first is the gold one; none with a rubric or to be acted",
    )
    group: str = ""
    category: str = ""
    evidence: tuple[Evidence, ...] = ()
    rubric: tuple[Criterion, ...] = Field(default=(), description="criteria that a judge marks one by one")
    world: dict[str, JsonValue] = Field(
        default={}, description="what the benchmark needs to open the environment that the task is acted in"
    )
    answer_format: str = Field(
        default="",
        description="what only the answering agent is told beside the question, such as the choices; the "
        "memory is asked without it",
    )
    scorer: str = Field(
        default="", description="scoring rule of this question, where the data name one for each question"
    )
    judge_notes: str = Field(default="", description="what else the judge is given; gold, as answers are")
    after: str = Field(
        default="",
        description="id of the episode after which it is asked; empty: after all episodes of its memory",
    )

    @model_serializer(mode="wrap")
    def _written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not used, so that the hash of a benchmark is that of earlier versions."""
        written = write(self)
        return {key: value for key, value in written.items() if value or key not in _HIDDEN}


class Episode(Record):
    """Experience to remember.

    Example:
        >>> Episode(id="monday", text="Ada: I moved to Lisbon.").text
        'Ada: I moved to Lisbon.'
    """

    id: str
    text: str
    group: str = Field(default="", description="memories of different groups are kept apart in grouped scope")
    task: Task | None = Field(
        default=None,
        description="in online learning: the question to answer before what was learnt is written",
    )
