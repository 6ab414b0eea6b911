"""A rule-based agent and judge: no network, no key, the same words for the same input.

They exist so that a campaign can be seen to work end to end. They are no language model and predict none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from evolve.agents.protocol import Conduct, Extraction, Grade, Recollection, Response
from evolve.agents.rules.answering import answer
from evolve.agents.rules.extraction import FieldSource, fill
from evolve.agents.rules.policy import Policy
from evolve.environment import Environment
from evolve.errors import InfrastructureError
from evolve.models.offline import split_passages, terms
from evolve.models.tokens import estimate_usage
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Fields, Step, Task, Usage
from evolve.scoring import (
    VERDICTS,
    JudgedPart,
    f1,
    judged_in_parts,
    normalise,
    parts_of,
    parts_score,
    rubric_score,
)


def act(
    open_environment: Callable[[], Environment],
    goal: str,
    retrieved: str,
    always_on: str,
    max_steps: int,
    instruction: str,
) -> Conduct:
    """Act out one task with its memory, until it is done or ``max_steps`` steps were made.

    Args:
        open_environment: opens the environment; it is closed here.
        goal: the goal.
        retrieved: knowledge from the memory; the environment may come with another text after a step.
        always_on: always-on knowledge.
        max_steps: the most steps.
        instruction: text that a model would have to read before each step with goal and memory, for the
            estimate of tokens.
    """
    steps: list[Step] = []
    usage, reward = Usage(), 0.0
    memory = f"{retrieved}\n{always_on}"
    policy = Policy(goal, memory)
    try:
        with _opened(open_environment) as environment:
            observation = environment.reset()
            reward = observation.reward
            policy.observe("", observation)
            while not observation.done and len(steps) < max_steps:
                command = policy.choose(observation.commands)
                prompt = f"{instruction}\n{memory}\n{goal}"
                usage += estimate_usage((prompt, observation.text, *observation.commands), command)
                observation = environment.step(command)
                policy.observe(command, observation)
                if observation.goal or observation.retrieved is not None:
                    goal = observation.goal or goal
                    if observation.retrieved is not None:
                        memory = f"{observation.retrieved}\n{always_on}"
                    policy = policy.renewed(goal, memory)
                reward = observation.reward
                steps.append(Step(command=command, observation=observation.text))
    except InfrastructureError as error:
        return Conduct(tuple(steps), reward, usage, inconclusive=str(error))
    return Conduct(tuple(steps), reward, usage)


@contextmanager
def _opened(open_environment: Callable[[], Environment]) -> Iterator[Environment]:
    environment = open_environment()
    try:
        yield environment
    finally:
        with suppress(InfrastructureError):  # a simulator that died has nothing left to lose
            environment.close()


__all__ = ["RuleBasedAgent", "RuleBasedJudge"]


class RuleBasedAgent:
    """Rule-based agent: fills fields by their names, asks with the question's own words, answers with the
    best-matching span.

    It acts by the commands that goal and memory speak for, else by curiosity (``policy``), and finds its way
    by a map where places have names and directions (``wayfinding``). It follows no instruction, and says the
    same whatever the number of the repeat. Usage is what a model doing the same would have read and written,
    estimated (``evolve.models.tokens``), so that programs can be compared by cost.
    """

    @property
    def identity(self) -> str:
        """Name and version of the rules."""
        return "offline-agent-4"

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        """Item fields from each episode's text; see ``extraction.RULES``."""
        prompt = parts.instructions.get("INSTRUCTION_KNOWLEDGE_ITEM", "") + _schema(parts.item)
        return [self._filled(parts.item, FieldSource(episode.text), prompt) for episode in episodes]

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        """Query fields from each question."""
        prompt = parts.instructions.get("INSTRUCTION_QUERY", "") + _schema(parts.query)
        return [self._filled(parts.query, FieldSource(task.question, asked=True), prompt) for task in tasks]

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        """Answer each task with a span of ``ALWAYS_ON_KNOWLEDGE`` and of the retrieved text."""
        instruction = parts.instructions.get("INSTRUCTION_RESPONSE", "")
        responses = []
        for recollection in recollections:
            question = recollection.task.question
            context = f"{recollection.retrieved}\n{parts.always_on}"
            text = answer(question, context)
            responses.append(Response(text, estimate_usage((instruction, context, question), text)))
        return responses

    def act(
        self,
        parts: Parts,
        recollections: Sequence[Recollection],
        environments: Sequence[Callable[[], Environment]],
        max_steps: int,
        repeat: int = 0,
    ) -> list[Conduct]:
        """Each task acted out, one after the other; see ``policy.Policy``."""
        instruction = parts.instructions.get("INSTRUCTION_RESPONSE", "")
        conducts = []
        for recollection, open_environment in zip(recollections, environments, strict=True):
            goal = recollection.task.question
            retrieved = recollection.retrieved
            conducts.append(act(open_environment, goal, retrieved, parts.always_on, max_steps, instruction))
        return conducts

    def _filled(self, specs: Sequence[FieldSpec], source: FieldSource, prompt: str) -> Extraction:
        fields: Fields = fill(specs, source)
        return Extraction(
            fields, estimate_usage((prompt, source.text), json.dumps(fields, ensure_ascii=False))
        )


class RuleBasedJudge:
    """Judge that accepts an answer with enough words of a gold one: a heuristic, which understands nothing.

    Args:
        threshold: the token F1 from which on an answer is right; one that contains a gold answer as a run of
            words is right too. Of a rubric, a criterion is met by an answer that has at least this share
            of its content words, whether it says or denies them.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self.threshold = threshold

    @property
    def identity(self) -> str:
        """Name, version and threshold."""
        return f"offline-judge-1/{self.threshold:g}"

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        """1 or 0 for each answer, or its score by the rubric or by one of several verdicts."""
        return [self._grade(task, text) for task, text in zip(tasks, answers, strict=True)]

    def _grade(self, task: Task, text: str) -> Grade:
        if task.scorer in VERDICTS:
            return self._verdict(task, text)
        if judged_in_parts(task):
            replies = [self._numbers(part) for part in parts_of(task, text)]
            numbers = tuple(map(tuple, replies))
            return Grade(parts_score(task, text, replies), f"by shared words: {replies}", numbers=numbers)
        return self._by_rubric(task, text) if task.rubric else self._by_answers(task, text)

    def _verdict(self, task: Task, text: str) -> Grade:
        """Return one of several verdicts, by the share of the gold answer's words in ``text``."""
        wanted, said = terms(task.answers[0]), terms(text)
        share = len(wanted & said) / len(wanted) if wanted else float(bool(said))
        if task.scorer == "halumem_qa":
            unknown = normalise(text) in ("", "unknown")
            right = self._by_answers(task, text).score == 1
            verdict = "correct" if right else "omission" if unknown else "hallucination"
        elif task.scorer == "halumem_update":
            verdict = "correct" if share == 1 else "other" if share >= self.threshold else "omission"
        else:
            verdict = "complete" if share == 1 else "partial" if share >= self.threshold else "missing"
        return Grade(VERDICTS[task.scorer][verdict], f"share of the words: {share:.2f}", verdict=verdict)

    def _numbers(self, part: JudgedPart) -> list[int]:
        """Answer a part by the words that its reference and its text share."""
        lines = [line.partition(". ")[2] for line in part.reference.split("\n")]
        said = terms(part.text)
        if part.rule == "fluency":
            return [1]
        if part.rule == "accuracy":
            return self._accuracy(part, said)
        if part.rule == "precision":
            known, sentences = terms(part.reference), split_passages(part.text)
            return [sum(self._shares(terms(one), known) for one in sentences), len(sentences)]
        same = [number for number, line in enumerate(lines, 1) if self._shares(terms(line), said)]
        return same if part.rule == "event_ordering" else [len(same)]

    def _accuracy(self, part: JudgedPart, said: frozenset[str]) -> list[int]:
        """Return 2, 1 or 0 by the share of a point's words in the reference, and if it is a point of that."""
        listed = [terms(line[2:]) for line in part.reference.split("\n") if line.startswith("- ")]
        known = terms(part.reference)
        accuracy = 2 if said <= known else int(self._shares(said, known))
        return [accuracy, int(any(self._shares(said, point) for point in listed))]

    def _shares(self, wanted: frozenset[str], said: frozenset[str]) -> bool:
        return len(wanted & said) >= self.threshold * len(wanted) > 0

    def _by_answers(self, task: Task, text: str) -> Grade:
        found = f" {normalise(text)} "
        gold = [normalise(accepted) for accepted in task.answers]
        if any(accepted and f" {accepted} " in found for accepted in gold):
            return Grade(1.0, "it contains an accepted answer")
        shared = f1(task, text)
        return Grade(float(shared >= self.threshold), f"token F1 with the best accepted answer: {shared:.2f}")

    def _by_rubric(self, task: Task, text: str) -> Grade:
        said = terms(text)
        met = tuple(
            self._shares(wanted, said) for wanted in (terms(criterion.text) for criterion in task.rubric)
        )
        points = [criterion.points for criterion in task.rubric]
        score = rubric_score(list(zip(points, met, strict=True)))
        return Grade(score, f"{sum(met)} of {len(met)} criteria share enough words with the answer", met=met)


def _schema(specs: Sequence[FieldSpec]) -> str:
    """The fields as a model would be shown them, for the estimate of tokens."""
    return "".join(f"\n{spec.name}: {spec.type} {spec.description}" for spec in specs)
