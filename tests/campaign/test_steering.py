"""What users ask of a campaign that runs: programs, hints, pauses, an end. Real campaigns, two processes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.campaign.steering import Steering
from evolve.errors import ProgramError, UsageError
from evolve.events import Discarded, Event, Finished, Joined, Proposed, Steered
from evolve.journal import RunRecord
from evolve.mutation import MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.offline import RuleBasedMutator
from evolve.program import MemoryProgram
from evolve.runs import steering
from evolve.runs.history import BY_HAND, RunHistory
from evolve.runs.requests import RequestReader, SteeringRequest, append_request
from evolve.seeds import seed_program
from tests.test_campaign import BUDGET, Harness, benchmark_, harness, outcome

__all__ = ["benchmark_", "harness"]

HERE = Path(__file__).parent
OWN = MemoryProgram(seed_program("bm25").source, name="mine")


class When:
    """Observer that does something once, at the first event that ``holds``, and keeps all events."""

    def __init__(self, holds: Callable[[Event], bool], act: Callable[[], object]) -> None:
        self.events: list[Event] = []
        self._holds, self._act, self._done = holds, act, False

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if not self._done and self._holds(event):
            self._done = True
            self._act()


def joined(number: int) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Joined) and event.candidate.number == number


def child(event: Event) -> bool:
    return isinstance(event, Joined) and bool(event.candidate.parents)


def steered(run: RunRecord) -> list[Steered]:
    return [event for event in run.events() if isinstance(event, Steered)]


def ask(harness: Harness, request: SteeringRequest, name: str = "run") -> None:
    append_request(harness.root / name, request)


class Listening(Mutator):
    """The rules, and the hints that each child was made with."""

    def __init__(self) -> None:
        self.rules = RuleBasedMutator()
        self.hints: dict[int, tuple[str, ...]] = {}

    @property
    def identity(self) -> str:
        return self.rules.identity

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        self.hints[context.number] = context.hints
        return self.rules.mutate(context, rng)


def test_a_program_is_added_while_the_campaign_runs(harness: Harness):
    run = RunRecord(harness.root / "run")
    watch = When(child, lambda: steering.add_program(run, OWN, message="My own", parents=(1,)))
    with harness.campaign("run") as campaign:
        campaign.run(watch)
    (request,) = steered(run)
    history = RunHistory.read(run)
    added = history.candidate(request.number)
    assert added is not None
    assert (added.operator, added.parents, added.program, added.message) == (BY_HAND, (1,), OWN.id, "My own")
    assert added.objectives["quality"] > 0
    children = [n for n in range(2, 2 + BUDGET + 1) if n != request.number]
    assert all(history.is_settled(number) for number in children), "it does not count for the budget"
    assert (history.settled, history.budget) == (BUDGET + 1, BUDGET + 1)

    before = outcome(watch.events), run.events()
    with harness.campaign("run") as again:
        summary = again.run(lambda event: None)
        assert harness.sandbox.opened == 0, "nothing is evaluated twice"
    assert summary.reason == "budget"
    assert outcome(run.events()) == before[0]
    assert steered(run) == [request]


def test_a_program_can_be_added_to_a_campaign_that_has_ended(harness: Harness):
    harness.run("run")
    run = RunRecord(harness.root / "run")
    steering.add_program(run, OWN)
    _, events = harness.run("run")
    history = RunHistory.read(run)
    added = history.candidate(2 + BUDGET)
    assert added is not None
    assert (added.program, added.parents) == (OWN.id, ())
    assert not [e for e in events if isinstance(e, Proposed) and e.number > 2 + BUDGET]
    assert isinstance(events[-1], Finished)


@pytest.mark.slow
def test_a_campaign_that_was_killed_goes_on_with_what_was_added(harness: Harness):
    """An outage in the middle of the added program's evaluation: nothing of it is lost or done twice."""
    whole_run = RunRecord(harness.root / "whole")
    watch = When(joined(1), lambda: steering.add_program(whole_run, OWN))
    with harness.campaign("whole") as campaign:
        campaign.run(watch)
    run = RunRecord(harness.root / "run")

    def add() -> None:
        append_request(run.path, RequestReader(whole_run.path).read()[0])
        campaign.setup.sandbox.fails_after = harness.sandbox.opened + 2  # type: ignore[attr-defined]

    with harness.campaign("run") as campaign, pytest.raises(Exception, match="The engine is gone"):
        campaign.run(When(joined(1), add))
    assert steered(run)
    harness.run("run")
    assert outcome(run.events()) == outcome(whole_run.events())
    assert steered(run) == steered(whole_run)


@pytest.mark.parametrize(
    ("source", "bare", "reason"),
    [
        ("x = 1", False, "breaks the contract"),
        (OWN.source, True, "--unsafe-local"),
        (seed_program("lexical").source, False, "the same program as candidate #0"),
    ],
)
def test_what_cannot_be_added_is_recorded_with_its_reason(
    harness: Harness, source: str, bare: bool, reason: str
):
    with harness.campaign("run") as campaign:
        campaign.steering.bare = bare
        request = SteeringRequest(action="add", source=source)
        campaign.run(When(joined(1), lambda: ask(harness, request)))
    history = RunHistory.read(RunRecord(harness.root / "run"))
    (number,) = history.requests.added
    assert history.candidate(number) is None
    assert reason in history.discarded[number].reason
    assert history.settled == BUDGET + 1


@pytest.mark.slow
def test_hints_hold_from_the_next_candidate_on_until_they_are_withdrawn(harness: Harness):
    mutator = Listening()
    first = SteeringRequest(action="hint", text="Prefer recent facts.")

    def act(event: Event) -> None:
        if joined(1)(event):
            ask(harness, first)
        if isinstance(event, Joined | Discarded) and len(steered(run)) == 1:
            number = event.candidate.number if isinstance(event, Joined) else event.number
            if number == 3:
                ask(harness, SteeringRequest(action="withdraw", hint=first.id))

    run = RunRecord(harness.root / "run")
    with harness.campaign("run", mutator=mutator, window=1) as campaign:
        campaign.run(act)
    given, withdrawn = steered(run)
    assert (given.number, withdrawn.number) == (2, 4)
    assert mutator.hints == {n: (first.text,) if n < 4 else () for n in range(2, 2 + BUDGET)}

    again = Listening()
    with harness.campaign("run", mutator=again, window=1, budget=BUDGET + 1) as campaign:
        campaign.run(lambda event: None)
    assert again.hints == {2 + BUDGET: ()}


def test_a_pause_holds_candidates_back_and_takes_no_time_of_the_limit(harness: Harness):
    now = [0.0]
    waits: list[int] = []
    with harness.campaign("run", clock=lambda: now[0], max_seconds=10, window=1) as campaign:
        recorder = campaign.recorder

        def sleep(seconds: float) -> None:
            now[0] += 100
            waits.append(recorder.history.next_number)
            if len(waits) == 3:
                ask(harness, SteeringRequest(action="resume"))

        read = RequestReader(harness.root / "run").read
        campaign.steering = Steering(read, recorder, 10, lambda: now[0], sleep)
        summary = campaign.run(When(child, lambda: ask(harness, SteeringRequest(action="pause"))))
    assert summary.reason == "budget"
    assert len(waits) == 3
    assert len(set(waits)) == 1, "no candidate was begun meanwhile"


def test_a_campaign_that_is_stopped_tests_its_best_and_goes_on_later(harness: Harness):
    watch = When(child, lambda: ask(harness, SteeringRequest(action="stop")))
    with harness.campaign("run", window=1) as campaign:
        summary = campaign.run(watch)
    assert summary.reason == "stopped"
    assert summary.tests
    history = RunHistory.read(RunRecord(harness.root / "run"))
    assert 0 < history.settled < BUDGET
    summary, _ = harness.run("run", window=1)
    assert summary.reason == "budget", "a request to stop is for the process that ran"


def test_a_pause_that_nobody_took_up_does_not_hold_the_next_process(harness: Harness):
    with harness.campaign("run"):
        ask(harness, SteeringRequest(action="pause"))
        ask(harness, SteeringRequest(action="stop"))
    summary, _ = harness.run("run")
    assert summary.reason == "budget"
    assert steered(RunRecord(harness.root / "run")) == []


def test_what_is_asked_is_checked_before_it_is_written(harness: Harness):
    harness.run("run", budget=0)
    run = RunRecord(harness.root / "run")
    with pytest.raises(ProgramError, match="contract"):
        steering.add_program(run, MemoryProgram("x = 1"))
    with pytest.raises(UsageError, match=r"found #7. There are: #0, #1"):
        steering.add_program(run, OWN, parents=(7,))
    with pytest.raises(UsageError, match="rules read no hints"):
        steering.hint(run, "Prefer recent facts.")
    with pytest.raises(UsageError, match=r"found 'abc'. There are: none"):
        steering.withdraw(run, "abc")
    for request in (steering.pause, steering.resume, steering.stop):
        with pytest.raises(UsageError, match="no process works on the run"):
            request(run)
    assert not (run.path / "requests.jsonl").exists()


CONFIG = f"""
benchmark = "{HERE / "small.py"}"
seeds = ["lexical"]
budget = 4
window = 1

[search]
objectives = ["quality", "cost"]

[evaluation]
static = 6
rotating = 4

[sandbox]
backend = "process"
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "evolve", *arguments]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A campaign in a process of its own, with a long way to go, whose first child has joined."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.replace("budget = 4", "budget = 400"))
    arguments = ("run", str(config), "--name", "run", "--root", str(tmp_path), "--unsafe-local", "--trust")
    with subprocess.Popen(command(*arguments, "--plain"), stdout=subprocess.DEVNULL) as process:
        until(lambda: process.poll() is not None or settled(tmp_path) > 0)
        yield process
        process.kill()


def settled(root: Path) -> int:
    run = RunRecord(root / "run")
    return RunHistory.read(run).settled if (run.path / "journal.jsonl").is_file() else 0


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        threading.Event().wait(0.05)


def evolve(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        command(*arguments, "--root", str(root)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_campaign_is_steered_from_another_process_and_killed(
    running: subprocess.Popen[bytes], tmp_path: Path
):
    run = RunRecord(tmp_path / "run")
    own = tmp_path / "mine.py"
    own.write_text(OWN.source)
    said = evolve(tmp_path, "add", "run", str(own), "--parent", "0", "--message", "Lines by BM25")
    assert "before its next candidate" in said
    until(lambda: bool(RunHistory.read(run).requests.added))
    (number,) = RunHistory.read(run).requests.added
    until(lambda: RunHistory.read(run).is_settled(number))
    evolve(tmp_path, "pause", "run")
    until(lambda: any(event.action == "pause" for event in steered(run)))
    until(lambda: not RunHistory.read(run).in_flight)
    held = RunHistory.read(run).settled
    time.sleep(1.5)
    assert RunHistory.read(run).settled == held
    assert "paused (pid" in evolve(tmp_path, "runs")
    running.kill()
    running.wait()

    before = outcome(run.events())
    lines = (run.path / "journal.jsonl").read_text().splitlines()
    evolve(tmp_path, "run", "--name", "run", "--budget", str(held), "--unsafe-local", "--trust", "--plain")
    after = (run.path / "journal.jsonl").read_text().splitlines()
    assert after[: len(lines)] == lines
    assert {n: found for n, found in outcome(run.events()).items() if n in before} == before
    assert [event.action for event in steered(run)] == ["add", "pause"]
    shown = json.loads(evolve(tmp_path, "show", "run", str(number), "--json"))
    assert (shown["operator"], shown["parents"], shown["message"]) == (BY_HAND, [0], "Lines by BM25")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_stop_ends_a_campaign_that_another_process_runs(running: subprocess.Popen[bytes], tmp_path: Path):
    assert "tested" in evolve(tmp_path, "stop", "run")
    assert running.wait(120) == 0
    last = RunRecord(tmp_path / "run").events()[-1]
    assert isinstance(last, Finished)
    assert last.reason == "stopped"
