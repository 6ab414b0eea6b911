"""A campaign in which every role is a language model on this machine: SmolLM2-135M by llama.cpp's server.

It answers badly, cuts off and repeats itself, which is what this is for: real replies, whose faults must
never be a program's. It is killed in the middle and goes on. Needs the extra ``local``, and the weights,
which are fetched as a user's are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolve.campaign import Summary, build
from evolve.config import RoleConfig, load_config
from evolve.events import Joined
from evolve.journal import RunRecord
from evolve.models.cache import ReplyCache
from evolve.models.calls import Call, read_calls
from evolve.models.gateway import open_gateway
from evolve.models.local.measuring import Counters
from evolve.models.local.opening import at_server
from evolve.models.local.server import LocalServer
from evolve.models.local.weights import find_weights
from evolve.program import MemoryProgram
from evolve.records import Evaluation, Failure

pytestmark = pytest.mark.model

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEEDS = ("digest",)  # which asks the toolkit's model in each write and read
SLOTS = 2
KILLED_AFTER = 5
"""Paid calls, after which the first process is killed."""
CONFIG = f"""
benchmark = "{HERE / "notebook.py"}"
seeds = {[str(HERE / "programs" / f"{name}.py") for name in SEEDS]}
budget = 2
window = 1
max_tokens = 1_000_000

[search]
objectives = ["quality", "cost"]
racing = false
confirm = false
crossover = 0.0
repairs = 0
prompt_tokens = 4_000

[evaluation]
static = 2
rotating = 1
test = 2

[sandbox]
backend = "process"

[models.local]
slots = {SLOTS}

[models.task]
model = "local"
max_tokens = 200
parameters.temperature = 0
parameters.frequency_penalty = 0.5  # without it a model of this size goes on and on

[models.toolkit]
model = "local"
parameters.temperature = 0
parameters.frequency_penalty = 0.5

[models.judge]
model = "local"
max_tokens = 200
parameters.temperature = 0
parameters.frequency_penalty = 0.5

[models.reflector]
model = "local"
max_tokens = 200
"""


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the test's own timeout is the limit."""
    while not holds():
        threading.Event().wait(0.1)


def paid(run: RunRecord) -> list[Call]:
    """The calls so far that a model answered or cut off."""
    calls = read_calls(run.calls)[0] if run.calls.is_file() else []
    return [call for call in calls if not call.cached]


def servers_of(process: int) -> list[int]:
    """Process ids of the model servers that a process has started."""
    found = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for pid in children.read_text().split():
            if b"evolve.models.local.serve" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Campaign:
    """A campaign that was killed, and what the process that went on with it has done.

    Attributes:
        run: on disk.
        root: the folder of runs.
        servers: process ids of those of the killed process.
        before: calls of the killed process.
        after: all calls of the second process.
        counters: of its server, at its end.
        summary: at its end.
    """

    run: RunRecord
    root: Path
    servers: list[int]
    before: list[Call]
    after: list[Call]
    counters: Counters
    summary: Summary


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("real")
    config = folder / "config.toml"
    config.write_text(CONFIG)
    command = [
        sys.executable,
        "-m",
        "evolve",
        "run",
        str(config),
        "--name",
        "real",
        "--root",
        str(folder),
        "--trust",
    ]
    run = RunRecord(folder / "real")
    with subprocess.Popen(
        [*command, "--unsafe-local", "--plain"], env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as first:
        until(lambda: first.poll() is not None or len(paid(run)) >= KILLED_AFTER)
        assert first.poll() is None, "it ended before it could be killed"
        servers = servers_of(first.pid)
        os.kill(first.pid, signal.SIGKILL)
    before = paid(run)
    past = len(read_calls(run.calls)[0])
    with build(load_config(config), root=folder, name="real", unsafe_local=True, notify=print) as second:
        summary = second.run(lambda event: print(event.type))
        assert second.setup.model_set.local is not None
        (server,) = second.setup.model_set.local.servers.values()
        counters = server.counters()
    after = read_calls(run.calls)[0][past:]
    return Campaign(run, folder, servers, before, after, counters, summary)


@pytest.mark.timeout(1500)
def test_it_ends_and_every_role_was_asked(campaign: Campaign) -> None:
    assert campaign.summary.tests
    causes = {call.cause for call in [*campaign.before, *campaign.after]}
    assert causes >= {"extract", "query", "answer", "judge", "reflect", "toolkit"}
    roles = {call.role for call in paid(campaign.run)}
    assert roles == {"task", "toolkit", "judge", "reflector"}
    assert {call.model for call in paid(campaign.run)} == {
        "hosted_vllm/SmolLM2-135M-Instruct.Q4_1.gguf@b179c9523d0e"
    }


def test_nothing_is_blamed_on_programs(campaign: Campaign) -> None:
    """The seed is sound: what fails in it is the model's, which is inconclusive or an item not filled.

    What the model itself wrote may fail for any reason but a model's reply.
    """
    found = 0
    for seed in SEEDS:
        for evaluation in campaign.run.evaluations(program_id(seed)):
            found += 1
            assert evaluation.status in ("complete", "inconclusive"), evaluation.failure
            assert {failure.kind for failure in failures(evaluation)} <= {"extraction"}
    assert found >= 2  # static and test
    candidates = [e.candidate for e in campaign.run.events() if isinstance(e, Joined)]
    for candidate in candidates:
        for evaluation in campaign.run.evaluations(candidate.program):
            for failure in failures(evaluation):
                assert "hosted_vllm" not in failure.message + failure.detail


def failures(evaluation: Evaluation) -> list[Failure]:
    """All that a program is charged with."""
    parts = [part.failure for part in (*evaluation.items, *evaluation.writes)]
    return [failure for failure in (evaluation.failure, *parts) if failure is not None]


def program_id(seed: str) -> str:
    return MemoryProgram.from_file(HERE / "programs" / f"{seed}.py").id


def test_the_accounts_are_the_counters_of_the_server(campaign: Campaign) -> None:
    calls = [call for call in campaign.after if not call.cached]
    assert calls
    assert [call for call in calls if call.outcome in ("cancelled", "outage", "setup")] == []
    assert sum(call.tokens_in for call in calls) == campaign.counters.prompt
    assert sum(call.tokens_out for call in calls) == campaign.counters.generated
    assert not any(call.estimated for call in calls)


def test_the_server_ended_with_the_process_that_was_killed(campaign: Campaign) -> None:
    assert len(campaign.servers) == 1
    until(lambda: not any(map(alive, campaign.servers)))


def test_nothing_is_paid_twice(campaign: Campaign) -> None:
    """Every reply is kept under its request: of two that were paid for the same, one would not be there."""
    whole = [call for call in paid(campaign.run) if call.outcome == "ok"]
    cache = ReplyCache(campaign.root / ".cache" / "models.sqlite")
    kept = len(cache)
    cache.close()
    lost = len(whole) - kept
    assert 0 <= lost <= SLOTS, "more than was on its way to the cache when the process was killed"
    # What the killed process had asked the other one found.
    assert sum(call.cached for call in campaign.after) >= len(campaign.before) - SLOTS


@pytest.mark.timeout(300)
def test_vectors_come_from_a_server_too() -> None:
    weights = find_weights("local", notify=print)
    with LocalServer(weights, context=512, slots=1, embeddings=True) as server:
        role = at_server(RoleConfig(model="local"), server)
        with open_gateway() as gateway:
            vectors = gateway.embedder(role).embed(["a violin from Oslo", "a kettle from Lisbon"])
    assert vectors.shape == (2, 576)
    assert (vectors**2).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
