"""Whole campaigns on a small benchmark, in real sandboxes (the process backend), with the offline models."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark
from evolve.campaign import Campaign, Optimizer, Summary, build
from evolve.campaign.candidate_worker import CandidateWorker
from evolve.campaign.executor import ThreadExecutor
from evolve.config import CampaignConfig, EvaluationConfig, SearchConfig
from evolve.errors import InfrastructureError, UsageError
from evolve.evaluation import Evaluator, Subsets
from evolve.evaluation_setup import EvaluationSetup, seed_programs
from evolve.events import Discarded, Evaluated, Event, Finished, Joined, Started
from evolve.journal import RunDirectory, RunRecord
from evolve.model_set import ModelSet
from evolve.models.chat import ChatModel
from evolve.models.embeddings import HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.mutation import Feedback, MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.offline import RuleBasedMutator
from evolve.program import MemoryProgram
from evolve.records import Episode, Evidence, Task
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Isolation, Limits, Sandbox, Services, Session

PEOPLE = ("Ada", "Ben", "Cleo", "Dan")
THINGS = ("kettle", "violin", "bicycle", "garden", "novel", "terrier", "lantern", "canoe")
PLACES = ("Lisbon", "Oslo", "Quito", "Perth", "Turin", "Kyoto", "Malmo", "Leeds")
BUDGET = 5  # more than the window: a later child has a parent that is no seed


def world(group: str) -> tuple[list[Episode], list[Task]]:
    """Sessions in which everybody says where they got a thing, and a question for each such line."""
    rng = random.Random(group)
    episodes, tasks = [], []
    for number in range(4):
        lines = [f"Session {number}, 3 May 2023"]
        for person in PEOPLE:
            thing, place = rng.choice(THINGS), rng.choice(PLACES)
            lines += [
                f"{person}: My {thing} came all the way from {place}.",
                f"{person}: Lovely weather, is it not?",
            ]
            tasks.append(
                Task(
                    id=f"{group}-{number}-{person}",
                    question=f"Where did {person} get the {thing}?",
                    answers=(place,),
                    group=group,
                    evidence=(Evidence(episode=f"{group}-{number}", text=lines[-2]),),
                )
            )
        lines += [f"Eve: {rng.choice(THINGS)} or {rng.choice(THINGS)}, who can tell." for _ in range(12)]
        episodes.append(Episode(id=f"{group}-{number}", text="\n".join(lines), group=group))
    return episodes, tasks


@pytest.fixture(scope="module")
def benchmark_() -> Benchmark:
    worlds = {group: world(group) for group in ("w1", "w2", "w3")}
    return Benchmark(
        name="small",
        episodes=tuple(e for episodes, _ in worlds.values() for e in episodes),
        validation=tuple(t for group in ("w1", "w2") for t in worlds[group][1]),
        test=tuple(worlds["w3"][1]),
        scope="grouped",
    )


class CountingSandbox:
    """The process backend, with a count of what was opened and a switch for an outage after some."""

    isolation: Isolation = "process"

    def __init__(self) -> None:
        self.inner: Sandbox = ProcessSandbox()
        self.opened = 0
        self.fails_after: int | None = None

    def open(self, source: str, services: Services, limits: Limits) -> Session:
        self.opened += 1
        if self.fails_after is not None and self.opened > self.fails_after:
            raise InfrastructureError("The engine is gone.", remedy="Start it.")
        return self.inner.open(source, services, limits)

    def close(self) -> None:
        self.inner.close()


class Harness:
    """Makes campaigns of one benchmark in one folder of runs."""

    def __init__(self, benchmark: Benchmark, root: Path):
        self.benchmark, self.root = benchmark, root
        self.embedder = HashingEmbedder.fit([line for e in benchmark.episodes for line in e.text.split("\n")])
        self.sandbox = CountingSandbox()

    def campaign(
        self,
        name: str,
        *,
        mutator: Mutator | None = None,
        seeds: Sequence[MemoryProgram] | None = None,
        clock: Callable[[], float] = time.monotonic,
        optimizer: Optimizer | None = None,
        reflectors: Sequence[ChatModel] = (),
        **settings: object,
    ) -> Campaign:
        config = CampaignConfig.model_validate(
            {
                "budget": BUDGET,
                "window": 4,
                "seeds": ("lexical", "hybrid"),
                "search": SearchConfig(objectives=("quality", "cost")),
                "evaluation": EvaluationConfig(static=8, rotating=6),
                **settings,
            }
        )
        subsets = Subsets(
            self.benchmark,
            self.embedder,
            static=8,
            rotating=config.rotating,
            test=config.evaluation.test,
            episode_ratio=None,
            seed=0,
        )
        self.sandbox = CountingSandbox()
        evaluator = Evaluator(
            benchmark=self.benchmark,
            agent=RuleBasedAgent(),
            judge=RuleBasedJudge(),
            sandbox=self.sandbox,
            embedder=self.embedder,
            model=ExtractiveModel(),
            limits=Limits(call_seconds=20),
            metric="evidence_recall",
        )
        model_set = ModelSet(
            RuleBasedAgent(),
            RuleBasedJudge(),
            ExtractiveModel(),
            self.embedder,
            tuple(reflectors),
            None,
            "tokens",
        )
        setup = EvaluationSetup(
            self.benchmark, subsets, evaluator, self.sandbox, "evidence_recall", model_set
        )
        run = RunDirectory.create_or_open(self.root, name, config)
        programs = seeds if seeds is not None else seed_programs(config.seeds)
        mutator = mutator or RuleBasedMutator()
        candidate_worker = CandidateWorker(evaluator, subsets, mutator, seed=config.seed, scoped=False)
        executor = ThreadExecutor(candidate_worker.work, config.jobs, halt=setup.close)
        return Campaign(
            config, run, setup, executor, programs, clock, optimizer=optimizer, mutator=mutator.identity
        )

    def run(self, name: str, **settings: object) -> tuple[Summary, list[Event]]:
        seen: list[Event] = []
        with self.campaign(name, **settings) as campaign:  # type: ignore[arg-type]
            return campaign.run(seen.append), seen


@pytest.fixture
def harness(benchmark_: Benchmark, tmp_path: Path) -> Harness:
    return Harness(benchmark_, tmp_path)


def outcome(events: Sequence[Event]) -> dict[int, object]:
    """What a campaign decided, without times: number → program, parents, operator, scores; or the reason."""
    found: dict[int, object] = {}
    for event in events:
        if isinstance(event, Joined):
            c = event.candidate
            found[c.number] = (c.program, c.parents, c.operator, c.objectives, c.item_scores)
        elif isinstance(event, Discarded):
            found[event.number] = event.reason
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run of ``whole``."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(benchmark_: Benchmark, runs: Path) -> tuple[Summary, list[Event]]:
    """An undisturbed campaign, to compare others with."""
    return Harness(benchmark_, runs).run("whole")


@pytest.fixture
def finished(whole: tuple[Summary, list[Event]], runs: Path, harness: Harness) -> Path:
    """A copy of the run of ``whole`` among those of ``harness``, to go on with or to spoil."""
    return shutil.copytree(runs / "whole", harness.root / "whole")


def test_a_campaign_evaluates_seeds_and_children_and_tests_the_best(whole: tuple[Summary, list[Event]]):
    summary, events = whole
    numbers = [e.candidate.number for e in events if isinstance(e, Joined)]
    discarded = [e.number for e in events if isinstance(e, Discarded)]
    assert sorted(numbers + discarded) == list(range(2 + BUDGET))
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "budget"
    assert set(summary.tests) == {0, 1, summary.best.number}
    tested = {e.number for e in events if isinstance(e, Evaluated) and e.subset == "test"}
    assert tested == set(summary.tests)
    assert summary.best.objectives["quality"] == max(
        e.candidate.objectives["quality"] for e in events if isinstance(e, Joined) and not e.candidate.failed
    )


def test_what_failed_on_the_static_tasks_may_be_learnt_from_at_no_cost(harness: Harness):
    summary, events = harness.run("static", evaluation=EvaluationConfig(static=8))
    assert {e.subset for e in events if isinstance(e, Evaluated)} == {"static", "test"}
    assert any(e.candidate.parents for e in events if isinstance(e, Joined))
    assert summary.reason == "budget"


def test_without_test_tasks_the_search_is_the_same_and_nothing_is_tested(
    harness: Harness, whole: tuple[Summary, list[Event]]
):
    untested = EvaluationConfig(static=8, rotating=6, test=0)
    summary, events = harness.run("untested", evaluation=untested)
    assert outcome(events) == outcome(whole[1])
    assert not summary.tests
    assert not summary.comparisons
    assert "test" not in {e.subset for e in events if isinstance(e, Evaluated)}


@pytest.mark.slow
def test_the_result_depends_on_the_seed_and_not_on_the_jobs(
    harness: Harness, whole: tuple[Summary, list[Event]]
):
    assert outcome(harness.run("one", jobs=1)[1]) == outcome(whole[1])
    assert outcome(harness.run("three", jobs=3)[1]) == outcome(whole[1])
    assert outcome(harness.run("other", seed=1)[1]) != outcome(whole[1])


@pytest.mark.parametrize(
    "stop", [pytest.param(1, marks=pytest.mark.slow), 3, 6, pytest.param(9, marks=pytest.mark.slow)]
)
def test_an_outage_ends_it_and_the_same_command_finishes_as_if_nothing_had_been(
    harness: Harness, whole: tuple[Summary, list[Event]], stop: int
):
    with harness.campaign("torn") as campaign:
        harness.sandbox.fails_after = stop
        with pytest.raises(InfrastructureError, match="rerun the command"):
            campaign.run(lambda _: None)
    first = RunRecord.open(harness.root, "torn").events()
    assert not any(isinstance(e, Evaluated) and e.status == "inconclusive" for e in first)
    _, events = harness.run("torn")
    assert outcome(events) == outcome(whole[1])
    evaluated = [(e.number, e.subset) for e in events if isinstance(e, Evaluated)]
    assert len(evaluated) == len(set(evaluated))


@pytest.mark.usefixtures("finished")
def test_a_finished_campaign_run_again_opens_no_sandbox(harness: Harness, whole: tuple[Summary, list[Event]]):
    again, _ = harness.run("whole")
    assert harness.sandbox.opened == 0
    assert again == whole[0]


def test_a_larger_budget_goes_on_as_if_it_had_been_given_at_once(
    harness: Harness, whole: tuple[Summary, list[Event]]
):
    harness.run("grown", budget=3)  # ends with children under way
    assert outcome(harness.run("grown", budget=BUDGET)[1]) == outcome(whole[1])


@pytest.mark.usefixtures("finished")
def test_a_run_under_other_conditions_is_refused(harness: Harness, benchmark_: Benchmark):
    changed = benchmark_.episodes[0].model_copy(update={"text": benchmark_.episodes[0].text + "\nEve: Bye."})
    other = Benchmark(
        name="small",
        episodes=(changed, *benchmark_.episodes[1:]),
        validation=benchmark_.validation,
        test=benchmark_.test,
        scope="grouped",
    )
    with pytest.raises(UsageError, match="other conditions"):
        Harness(other, harness.root).run("whole")


@pytest.mark.parametrize("number", [0, 2])
def test_a_run_with_an_edited_program_is_refused_and_the_edit_left_alone(
    harness: Harness, whole: tuple[Summary, list[Event]], finished: Path, number: int
):
    programs = {e.candidate.number: e.candidate.program for e in whole[1] if isinstance(e, Joined)}
    path = finished / "programs" / f"{programs[number]}.py"
    text = path.read_text() + "\n# mine\n"
    path.write_text(text)
    with pytest.raises(UsageError, match="was changed"):
        harness.run("whole")
    assert path.read_text() == text


def test_what_makes_children_is_recorded(whole: tuple[Summary, list[Event]]):
    assert [e.mutator for e in whole[1] if isinstance(e, Started)] == [RuleBasedMutator().identity]


def test_when_every_seed_fails_it_says_why(harness: Harness):
    source = seed_programs(("lexical",))[0].source.replace("toolkit.db.execute(", "toolkit.missing(", 1)
    with pytest.raises(UsageError, match=r"Every initial program failed.*broken: .*missing"):
        harness.run("broken", seeds=[MemoryProgram(source, name="broken")])


class Repeats:
    """Proposes the parent again for even numbers, and a program that always fails for odd ones."""

    identity = "repeats"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        source = context.program.source
        if context.number % 2:
            source = source.replace("return self._pack(scores)", f"raise ValueError({context.number})")
        return Proposal(MemoryProgram(source + "\n# a comment\n"), "repeat", "", (context.parent.number,))

    def observe(self, feedback: Feedback) -> None:
        pass


def test_duplicates_are_discarded_before_evaluation_and_failures_are_scored_not_parents(harness: Harness):
    _, events = harness.run("repeats", mutator=Repeats(), budget=4)
    discarded = {e.number: e.reason for e in events if isinstance(e, Discarded)}
    assert set(discarded) == {2, 4}
    assert all("the same program as candidate #" in reason for reason in discarded.values())
    failed = [e.candidate for e in events if isinstance(e, Joined) and e.candidate.failed]
    assert [c.number for c in failed] == [3, 5]
    assert not any({3, 5} & set(e.candidate.parents) for e in events if isinstance(e, Joined))


def test_the_clock_ends_it_when_what_was_begun_is_finished(harness: Harness):
    now = 0.0

    def watch(event: Event) -> None:
        nonlocal now
        if isinstance(event, Joined) and event.candidate.parents:
            now = 100.0

    with harness.campaign("timed", max_seconds=10.0, clock=lambda: now) as campaign:
        assert campaign.run(watch).reason == "time"
    settled = outcome(RunRecord.open(harness.root, "timed").events())
    assert sorted(settled) == list(range(2 + 4))  # the window that was begun is finished


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"benchmark": "nowhere"}, "no benchmark called 'nowhere'"),
        ({"benchmark": "locomo", "data_dir": "/nonexistent"}, "locomo10.json"),
        ({"seeds": ("unknown",)}, "no program 'unknown'"),
        ({"search": SearchConfig(freeze="code")}, "leaves only the instructions"),
    ],
)
def test_a_mistake_leaves_nothing_behind(tmp_path: Path, settings: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        build(
            CampaignConfig.model_validate(settings),
            root=tmp_path,
            name="mistake",
            unsafe_local=True,
            notify=lambda _: None,
        )
    assert list(tmp_path.iterdir()) == []
