"""A scripted reflector with ever worse candidates: a warning, other candidates, and the end of the search."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evolve.campaign.candidate_worker import CandidateWorker
from evolve.campaign.executor import ThreadExecutor
from evolve.campaign.loop import Campaign
from evolve.config import CampaignConfig
from evolve.errors import EvolveError
from evolve.evaluation import Subset
from evolve.events import Event, Finished, Plateau
from evolve.inspection.narration import plateau_text
from evolve.journal import RunDirectory, RunRecord
from evolve.models.chat import ChatRequest, Reply
from evolve.mutation.reflection import ReflectionMutator
from evolve.program import MemoryProgram
from evolve.records import Evaluation, Interval, ItemResult, Task, Usage
from evolve.runs.history import RunHistory
from evolve.seeds import seed_program
from tests.mutation.conftest import FakeChat
from tests.test_campaign import outcome

TASKS = tuple(Task(id=f"t{n:02}", question=f"What is {n}?", answers=(str(n),)) for n in range(40))
STATIC, ROTATING = Subset("static", TASKS, ()), Subset("rotating", TASKS[:4], ())
NONE = Subset("test", (), ())


class FakeEvaluator:
    """Scores the text that read is cut to: the shorter, the fewer items are right."""

    conditions = "c"

    def evaluate(self, program: MemoryProgram, subset: Subset, *more: object) -> Evaluation:
        found = re.search(r"\[:(\d+)\]  # cut", program.source)
        right = len(TASKS) // 2 if found is None else int(found[1])
        items = tuple(
            ItemResult(
                task=task.id,
                query={},
                retrieved="",
                score=float(place < right),
                usage=Usage(tokens_in=10),
            )
            for place, task in enumerate(subset.tasks)
        )
        quality = sum(item.score for item in items) / len(items)
        return Evaluation(
            program=program.id,
            subset=subset.name,
            conditions="c",
            isolation="process",
            status="complete",
            metric="f1",
            quality=Interval(mean=quality, low=0, high=1),
            cost=100.0,
            items=items,
            seconds=2.0,
        )


class FakeSetup:
    """As much of a setup as a campaign without sandbox and models needs."""

    conditions, metric = "c", "f1"
    benchmark = SimpleNamespace(scope="pooled", name="fake")
    sandbox = SimpleNamespace(isolation="process")
    model_set = SimpleNamespace(reflectors=())

    def __init__(self) -> None:
        self.evaluator = FakeEvaluator()
        self.subsets = SimpleNamespace(
            static=STATIC, test=NONE, smoke=NONE, memories=None, rotating=lambda number: ROTATING
        )

    def close(self) -> None:
        pass


class Worsening(FakeChat):
    """Gives a candidate that is worse than all before it, until it is to improve."""

    def __init__(self, improves_at: int | None = None) -> None:
        super().__init__("")
        self.improves_at = improves_at

    async def answer(self, request: ChatRequest) -> Reply:
        self.requests.append(request)
        number = request.repeat
        kept = 30 if number == self.improves_at else max(19 - number // 3, 1)
        padding = "".join(f"    word = {n}\n" for n in range(number))  # no program is known before
        code = f"def read(self, query):\n{padding}    return str(query)[:{kept}]  # cut\n"
        return Reply(f"MESSAGE: Cut {number}\n```python\n{code}```", Usage(calls=1), "fake")

    @property
    def prompts(self) -> dict[int, str]:
        """Candidate → its prompt."""
        return {r.repeat: "\n".join(m["content"] for m in r.messages) for r in self.requests}


Making = Callable[..., Any]


@pytest.fixture
def campaign(tmp_path: Path) -> Making:
    @contextmanager
    def make(name: str, model: Worsening, *, budget: int = 40, **search: object) -> Iterator[Campaign]:
        config = CampaignConfig.model_validate(
            {
                "budget": budget,
                "window": 3,
                "jobs": 1,
                "seeds": ("lexical",),
                "search": {
                    "objectives": ("quality", "cost"),
                    "plateau": "stop",
                    "mutators": "model",
                    "notes": "off",
                    "retry": "draw",
                    "repairs": 0,
                    **search,
                },
                "models": {"reflector": {"model": "openai/fake"}},
            }
        )
        setup: Any = FakeSetup()
        mutator = ReflectionMutator(model, try_out=lambda program: None, repairs=0, crossover=0.0)
        worker = CandidateWorker(setup.evaluator, setup.subsets, mutator, seed=0, scoped=True)
        run = RunDirectory.create_or_open(tmp_path, name, config)
        executor = ThreadExecutor(worker.work, 1)
        with Campaign(config, run, setup, executor, [seed_program("lexical")]) as made:
            yield made

    return make


def plateaus(run: RunRecord) -> list[Plateau]:
    return [event for event in run.events() if isinstance(event, Plateau)]


def test_ever_worse_candidates_meet_the_ladder(campaign: Making, tmp_path: Path) -> None:
    model = Worsening()
    with campaign("run", model) as made:
        summary = made.run(lambda event: None)
    run = RunRecord(tmp_path / "run")
    assert summary.reason == "plateau"
    warn, diversify, stop = plateaus(run)
    assert [(p.rung, p.number, p.stale) for p in (warn, diversify, stop)] == [
        ("warn", 11, 8),
        ("diversify", 17, 14),
        ("stop", 30, 27),
    ], "each is three candidates, the window, behind what is settled"
    told = {number for number, text in model.prompts.items() if "The search has come to a plateau" in text}
    assert told
    assert min(told) >= diversify.number
    assert 3 <= len(told) <= 10, "about half of the thirteen candidates before the stop"
    assert stop.left == 41 - 30
    assert (stop.usd, stop.seconds) == (None, pytest.approx(stop.left * 2.0))
    assert stop.tokens == pytest.approx(stop.left * 100.0 * len(TASKS))
    assert "the search stops before #30" in plateau_text(stop)
    assert RunHistory.read(run).finished == run.events()[-1]
    assert isinstance(run.events()[-1], Finished)

    asked = len(model.requests)
    with campaign("run", model) as again:
        assert again.run(lambda event: None).reason == "plateau"
    assert len(model.requests) == asked, "a resumed campaign stops at the same candidate"
    assert plateaus(run) == [warn, diversify, stop]
    with campaign("run", model, plateau="diversify") as onward:
        assert onward.run(lambda event: None).reason == "budget"
    assert RunHistory.read(run).settled == 40


class Killed(EvolveError):
    pass


@pytest.mark.parametrize("at", [12, 25])
def test_a_campaign_that_was_killed_climbs_the_same_ladder(campaign: Making, tmp_path: Path, at: int) -> None:
    with campaign("whole", Worsening()) as made:
        made.run(lambda event: None)

    def kill(event: Event) -> None:
        if getattr(getattr(event, "candidate", None), "number", None) == at:
            raise Killed

    with campaign("run", Worsening()) as made, pytest.raises(Killed):
        made.run(kill)
    with campaign("run", Worsening()) as made:
        assert made.run(lambda event: None).reason == "plateau"
    whole, run = RunRecord(tmp_path / "whole"), RunRecord(tmp_path / "run")
    assert outcome(run.events()) == outcome(whole.events())
    assert plateaus(run) == plateaus(whole)


def test_an_improvement_ends_the_plateau(campaign: Making, tmp_path: Path) -> None:
    model = Worsening(improves_at=20)
    with campaign("run", model, budget=32) as made:
        assert made.run(lambda event: None).reason == "budget"
    run = RunRecord(tmp_path / "run")
    assert [p.rung for p in plateaus(run)] == ["warn", "diversify"]
    history = RunHistory.read(run)
    assert history.best is not None
    assert history.best.number == 20
    after = [n for n, text in model.prompts.items() if "a plateau" in text and n >= 23]
    assert after == [], "three later, when it is settled"


def test_it_can_be_switched_off(campaign: Making, tmp_path: Path) -> None:
    model = Worsening()
    with campaign("run", model, budget=20, plateau="off") as made:
        assert made.run(lambda event: None).reason == "budget"
    assert plateaus(RunRecord(tmp_path / "run")) == []
    assert not any("a plateau" in text for text in model.prompts.values())
