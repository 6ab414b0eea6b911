"""The judge with a model behind it: by the gold answers, or by a rubric with one call for each criterion."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from types import MappingProxyType

from pydantic import JsonValue

from evolve.agents.llm.asking import Asked, ask_in
from evolve.agents.protocol import Grade
from evolve.models.chat import ChatModel, ChatRequest
from evolve.models.fitting import Room
from evolve.models.prompts import Prompt, Prompts
from evolve.models.structured import SHOWN, Unusable, find_object, shortened
from evolve.models.verdicts import Verdict, read_verdict
from evolve.records import Task, Usage
from evolve.scoring import VERDICTS, rubric_score


@dataclass(frozen=True)
class Choice:
    """Verdict that was chosen, and why."""

    name: str
    reason: str = ""


def read_choice(text: str, names: Collection[str]) -> Choice:
    """Return the choice in a reply: under "verdict" of a JSON object, else the only name that it mentions.

    Args:
        text: a reply without thoughts.
        names: the verdicts, in lower case.

    Raises:
        Unusable: there is no verdict, or more than one.

    Example:
        >>> read_choice('{"reason": "It invents a town.", "verdict": "Other"}', ["correct", "other"])
        Choice(name='other', reason='It invents a town.')
    """
    expected = ", ".join(names)
    if "{" in text:
        found = {key.strip().casefold(): value for key, value in find_object(text, ["verdict"]).value.items()}
        name, reason = str(found.get("verdict", "")).strip().casefold(), found.get("reason", "")
        if name not in names:
            raise Unusable(f"expected one of {expected} under 'verdict', found {shortened(found)}.")
        return Choice(name, reason if isinstance(reason, str) else "")
    said = set(re.findall(r"\w+", text.casefold())) & set(names)
    if len(said) != 1:
        raise Unusable(f"expected one of {expected}, found {shortened(text[:SHOWN])}.")
    return Choice(said.pop())


VERSION = "1"
"""Version of the code around the prompts."""

_SECTIONS = {"halumem_interference": "halumem_integrity"}
"""Operation → the section of its rules in the prompt of verdicts, where it has another name."""
_KEYS = {"judge_answer": "correct", "judge_criterion": "met"}
"""Prompt → the key of its verdict."""
_NO_GUIDANCE: Mapping[str, str] = MappingProxyType({})


class LLMJudge:
    """Judge that asks a model. It is given question, answer and gold, never what the memory returned.

    Args:
        model: in the role of the judge.
        guidance: category of a task → instruction for judging it, put into the prompt. Some benchmarks judge
            by category, such as temporal questions that forgive a day.
    """

    def __init__(self, model: ChatModel, *, guidance: Mapping[str, str] = _NO_GUIDANCE) -> None:
        self._model = model
        self._guidance = dict(guidance)
        self._prompts = Prompts(files("evolve.agents") / "prompts", ("judge_answer", "judge_criterion"))
        self._verdicts = Prompts(files("evolve.agents") / "prompts", ("judge_verdict",))["judge_verdict"]

    @property
    def identity(self) -> str:
        """Versions of code and prompts, a hash of the guidance if there is any, and the model's identity.

        The prompt of verdicts has a version of its own, which is part of the quality that asks for them.
        """
        content = json.dumps(self._guidance, sort_keys=True).encode()
        guided = f"/{hashlib.sha256(content).hexdigest()[:12]}" if self._guidance else ""
        return f"llm-judge-{VERSION}/{self._prompts.digest}{guided}/{self._model.identity}"

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        """A grade for each answer: one of several verdicts where the task names an operation of
        ``scoring.VERDICTS``, by the rubric where it has one, else 1 or 0 by the gold answers.

        All calls of all tasks are made concurrently. A verdict that cannot be read twice, or that the
        provider refused, leaves the whole grade without a score.

        Raises:
            ModelError: of kind outage or setup.
            BudgetReached: the spending limit is reached.
            ValueError: a task has neither answers nor a rubric, or a rubric with nothing to earn.
        """
        requests = [
            list(self._requests(task, answer, repeat)) for task, answer in zip(tasks, answers, strict=True)
        ]
        room = Room.of(self._model)
        asked = iter(
            self._model.run(
                [
                    self._ask(room, task, *pair)
                    for task, pairs in zip(tasks, requests, strict=True)
                    for pair in pairs
                ]
            )
        )
        return [
            _grade(task, [next(asked) for _ in pairs]) for task, pairs in zip(tasks, requests, strict=True)
        ]

    def _requests(
        self, task: Task, answer: str, repeat: int
    ) -> Iterator[tuple[str, Callable[[Room], ChatRequest]]]:
        """Prompt name of every call that ``answer`` needs, and its request, fitted to the model's context."""
        if task.scorer in VERDICTS:
            yield "judge_verdict", partial(self._verdict_request, task, answer, repeat)
            return
        if task.rubric:
            rubric_score([(criterion.points, False) for criterion in task.rubric])  # before anything is paid
            asked = [("judge_criterion", {"criterion": line.text}) for line in task.rubric]
        elif task.answers:
            reference = "\n".join(f"- {gold}" for gold in task.answers)
            asked = [("judge_answer", {"reference": reference})]
        else:
            raise ValueError(f"task {task.id} has neither answers nor a rubric to be judged by")
        for name, slots in asked:
            prompt = self._prompts[name]
            text = self._guidance.get(task.category, "")
            guidance = f"\n{prompt.say('guidance', text=text)}\n" if text else ""
            filled = {"question": task.question, "answer": answer, "guidance": guidance, **slots}
            yield name, partial(_request, name, prompt, filled, repeat)

    def _verdict_request(self, task: Task, answer: str, repeat: int, room: Room) -> ChatRequest:
        names = list(VERDICTS[task.scorer])
        slots = {
            "rules": self._verdicts.say(_SECTIONS.get(task.scorer, task.scorer)),
            "verdicts": ", ".join(names),
            "question": task.question,
            "reference": task.answers[0],
            "notes": task.judge_notes,
            "answer": answer,
        }
        messages, left_out = room.fit(self._verdicts, slots, ("answer",))
        schema = _object_schema("verdict", {"type": "string", "enum": [*names]})
        return ChatRequest(
            messages, cause="judge", schema=schema, name="verdict", repeat=repeat, left_out=left_out
        )

    async def _ask(
        self, room: Room, task: Task, name: str, request: Callable[[Room], ChatRequest]
    ) -> Asked[Verdict | Choice]:
        if name == "judge_verdict":
            names = list(VERDICTS[task.scorer])
            return await ask_in(
                room,
                self._model,
                request,
                lambda reply: read_choice(reply, names),
                lambda problem: self._verdicts.say("again", problem=problem, verdicts=", ".join(names)),
            )
        prompt = self._prompts[name]
        return await ask_in(
            room,
            self._model,
            request,
            lambda reply: read_verdict(reply, _KEYS[name]),
            lambda problem: prompt.say("again", problem=problem),
        )


def _request(name: str, prompt: Prompt, slots: Mapping[str, str], repeat: int, room: Room) -> ChatRequest:
    messages, left_out = room.fit(prompt, slots, ("answer",))
    schema = _schema(_KEYS[name])
    return ChatRequest(
        messages, cause="judge", schema=schema, name="verdict", repeat=repeat, left_out=left_out
    )


def _grade(task: Task, asked: Sequence[Asked[Verdict | Choice]]) -> Grade:
    usage = sum((one.usage for one in asked), Usage())
    verdicts = [one.value for one in asked if one.value is not None]
    if len(verdicts) < len(asked):
        missing = next(number for number, one in enumerate(asked, 1) if one.value is None)
        which = f"criterion {missing} of {len(asked)}: " if task.rubric else ""
        return Grade(None, f"{which}{asked[missing - 1].problem}", usage)
    if isinstance(verdicts[0], Choice):
        chosen = verdicts[0]
        return Grade(VERDICTS[task.scorer][chosen.name], chosen.reason, usage, verdict=chosen.name)
    verdicts = [verdict for verdict in verdicts if isinstance(verdict, Verdict)]
    if not task.rubric:
        (verdict,) = verdicts
        return Grade(float(verdict.holds), verdict.reason, usage)
    met = tuple(verdict.holds for verdict in verdicts)
    points = [criterion.points for criterion in task.rubric]
    reasons = "; ".join(f"{number}: {verdict.reason}" for number, verdict in enumerate(verdicts, 1))
    return Grade(rubric_score(list(zip(points, met, strict=True))), reasons, usage, met)


def _schema(key: str) -> dict[str, JsonValue]:
    return _object_schema(key, {"type": "boolean"})


def _object_schema(key: str, value: JsonValue) -> dict[str, JsonValue]:
    """``reason`` comes first, so that a model weighs before it decides."""
    return {
        "type": "object",
        "properties": {"reason": {"type": "string"}, key: value},
        "required": ["reason", key],
        "additionalProperties": False,
    }
