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
from evolve.scoring import VERDICTS, JudgedPart, judged_in_parts, parts_of, parts_score, rubric_score


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


@dataclass(frozen=True)
class Numbers:
    """Numbers that answer a part, and why."""

    values: tuple[int, ...]
    reason: str = ""


def read_numbers(text: str, part: JudgedPart) -> Numbers:
    """Return the numbers of a reply: whole ones under "numbers" of a JSON object, as ``part`` expects them.

    Raises:
        Unusable: there is no such object, or its numbers make no sense.

    Example:
        >>> part = JudgedPart("event_ordering", "1. sun\\n2. rain", "It rained.", count=None, highest=2)
        >>> read_numbers('{"reason": "Rain.", "numbers": [2]}', part)
        Numbers(values=(2,), reason='Rain.')
    """
    found = {key.strip().casefold(): value for key, value in find_object(text, ["numbers"]).value.items()}
    said, reason = found.get("numbers"), found.get("reason", "")
    said = said if isinstance(said, list) else [said]
    values = [value for value in said if isinstance(value, int) and not isinstance(value, bool)]
    if len(values) < len(said):
        raise Unusable(f"expected a list of whole numbers under 'numbers', found {shortened(found)}.")
    if problem := part.problem(values):
        raise Unusable(f"{problem}.")
    return Numbers(tuple(values), reason if isinstance(reason, str) else "")


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
        self._parts = Prompts(files("evolve.agents") / "prompts", ("judge_part",))["judge_part"]

    @property
    def identity(self) -> str:
        """Versions of code and prompts, a hash of the guidance if there is any, and the model's identity.

        The prompts of verdicts and of parts have versions of their own, which are part of the quality that
        asks for them.
        """
        content = json.dumps(self._guidance, sort_keys=True).encode()
        guided = f"/{hashlib.sha256(content).hexdigest()[:12]}" if self._guidance else ""
        return f"llm-judge-{VERSION}/{self._prompts.digest}{guided}/{self._model.identity}"

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        """A grade for each answer: one of several verdicts where the task names an operation of
        ``scoring.VERDICTS``, in parts where it is one of ``scoring.judged_in_parts``, by the rubric where it
        has one, else 1 or 0 by the gold answers.

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
        calls = [
            ask_in(room, self._model, one.request, one.read, one.again) for ones in requests for one in ones
        ]
        asked = iter(self._model.run(calls))
        return [
            _grade(task, answer, [next(asked) for _ in ones])
            for task, answer, ones in zip(tasks, answers, requests, strict=True)
        ]

    def _requests(self, task: Task, answer: str, repeat: int) -> Iterator[_Question]:
        """Every call that ``answer`` needs."""
        if task.scorer in VERDICTS:
            yield self._verdict_call(task, answer, repeat)
        elif judged_in_parts(task):
            for part in parts_of(task, answer):
                yield self._part_call(part, repeat)
        elif task.rubric:
            rubric_score([(criterion.points, False) for criterion in task.rubric])  # before anything is paid
            for line in task.rubric:
                yield self._call("judge_criterion", task, answer, repeat, criterion=line.text)
        elif task.answers:
            reference = "\n".join(f"- {gold}" for gold in task.answers)
            yield self._call("judge_answer", task, answer, repeat, reference=reference)
        else:
            raise ValueError(f"task {task.id} has neither answers nor a rubric to be judged by")

    def _call(self, name: str, task: Task, answer: str, repeat: int, **slots: str) -> _Question:
        prompt = self._prompts[name]
        text = self._guidance.get(task.category, "")
        guidance = f"\n{prompt.say('guidance', text=text)}\n" if text else ""
        filled = {"question": task.question, "answer": answer, "guidance": guidance, **slots}
        return _Question(
            partial(_request, name, prompt, filled, repeat),
            lambda reply: read_verdict(reply, _KEYS[name]),
            lambda problem: prompt.say("again", problem=problem),
        )

    def _verdict_call(self, task: Task, answer: str, repeat: int) -> _Question:
        names = list(VERDICTS[task.scorer])
        return _Question(
            partial(self._verdict_request, task, answer, repeat),
            lambda reply: read_choice(reply, names),
            lambda problem: self._verdicts.say("again", problem=problem, verdicts=", ".join(names)),
        )

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

    def _part_call(self, part: JudgedPart, repeat: int) -> _Question:
        return _Question(
            partial(self._part_request, part, repeat),
            lambda reply: read_numbers(reply, part),
            lambda problem: self._parts.say("again", problem=problem),
        )

    def _part_request(self, part: JudgedPart, repeat: int, room: Room) -> ChatRequest:
        slots = {"rules": self._parts.say(part.rule), "reference": part.reference, "text": part.text}
        messages, left_out = room.fit(self._parts, slots, ("text",))
        schema = _object_schema("numbers", {"type": "array", "items": {"type": "integer"}})
        return ChatRequest(
            messages, cause="judge", schema=schema, name="numbers", repeat=repeat, left_out=left_out
        )


@dataclass(frozen=True)
class _Question:
    """A request, fitted to the model's context, and how its reply is read or asked for again."""

    request: Callable[[Room], ChatRequest]
    read: Callable[[str], Verdict | Choice | Numbers]
    again: Callable[[str], str]


def _request(name: str, prompt: Prompt, slots: Mapping[str, str], repeat: int, room: Room) -> ChatRequest:
    messages, left_out = room.fit(prompt, slots, ("answer",))
    schema = _schema(_KEYS[name])
    return ChatRequest(
        messages, cause="judge", schema=schema, name="verdict", repeat=repeat, left_out=left_out
    )


def _grade(task: Task, answer: str, asked: Sequence[Asked[Verdict | Choice | Numbers]]) -> Grade:
    usage = sum((one.usage for one in asked), Usage())
    replies = [one.value for one in asked if one.value is not None]
    if len(replies) < len(asked):
        missing = next(number for number, one in enumerate(asked, 1) if one.value is None)
        kind = "part" if judged_in_parts(task) else "criterion"
        which = f"{kind} {missing} of {len(asked)}: " if task.rubric else ""
        return Grade(None, f"{which}{asked[missing - 1].problem}", usage)
    if judged_in_parts(task):
        numbers = [reply for reply in replies if isinstance(reply, Numbers)]
        reasons = "; ".join(f"{list(one.values)}: {one.reason}" for one in numbers)
        values = tuple(one.values for one in numbers)
        return Grade(parts_score(task, answer, values), reasons, usage, numbers=values)
    if isinstance(replies[0], Choice):
        chosen = replies[0]
        return Grade(VERDICTS[task.scorer][chosen.name], chosen.reason, usage, verdict=chosen.name)
    verdicts = [reply for reply in replies if isinstance(reply, Verdict)]
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
