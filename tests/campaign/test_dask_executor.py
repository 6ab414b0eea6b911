"""Campaigns on a real dask cluster: worker processes that are killed, missing, or of no use."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from distributed import LocalCluster

from evolve.campaign import build
from evolve.campaign.dask_executor import DaskExecutor
from evolve.campaign.dask_worker import Tell
from evolve.campaign.executor import JobQueue
from evolve.campaign.worker_factory import WorkerFactory, WorkerMessage
from evolve.config import CampaignConfig, EvaluationConfig, SandboxConfig, SearchConfig
from evolve.errors import InfrastructureError, UsageError
from evolve.sandboxes import folders
from tests.campaign.lab import SMALL, Lab
from tests.campaign.outcome import result
from tests.campaign.processes import programs_of, scratch_of
from tests.server.server import ModelServer

pytestmark = pytest.mark.slow  # whole campaigns, one for each row: minutes together

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this module

HERE = Path(__file__).parent
CONFIG = CampaignConfig(
    benchmark=str(HERE / "small.py"),
    seeds=("lexical",),
    budget=5,
    jobs=2,
    window=2,
    search=SearchConfig(objectives=("quality", "cost")),
    evaluation=EvaluationConfig(static=6, rotating=4),
    sandbox=SandboxConfig(backend="process"),
)
PAUSE = 0.01


class Cluster:
    """Two worker processes with one thread each, which their nannies start again when they die."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.address = str(inner.scheduler.address)

    def working(self) -> list[int]:
        """The numbers of the worker processes that have a job."""
        busy = {w.name for w in list(self._inner.scheduler.workers.values()) if w.processing}
        return [nanny.pid for name, nanny in self._inner.workers.items() if name in busy and nanny.pid]

    def kill_one(self, when: Callable[[], bool] = lambda: True) -> int:
        """Kill a worker process while it has a job; its number."""
        while not (when() and (working := self.working())):
            time.sleep(PAUSE)
        os.kill(working[0], signal.SIGKILL)
        return working[0]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as inner:
        yield Cluster(inner)


def run(root: Path, config: CampaignConfig) -> None:
    with build(config, root=root, name="run", unsafe_local=True, notify=lambda _: None) as campaign:
        campaign.run(lambda _: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[object, object]:
    """What threads of one process make of the same campaign."""
    root = tmp_path_factory.mktemp("whole")
    run(root, CONFIG)
    return result(root)


def on(cluster: Cluster, **settings: object) -> CampaignConfig:
    return CONFIG.model_copy(update={"cluster": cluster.address, **settings})


def test_a_killed_worker_costs_nothing_but_its_work(
    cluster: Cluster, whole: dict[object, object], tmp_path: Path
):
    killed: list[int] = []
    journal = tmp_path / "run" / "journal.jsonl"

    def begun() -> bool:
        return journal.exists() and b'"joined"' in journal.read_bytes()

    killer = threading.Thread(target=lambda: killed.append(cluster.kill_one(begun)))
    killer.start()
    run(tmp_path, on(cluster))
    killer.join()
    assert len(killed) == 1
    assert result(tmp_path) == whole
    while programs_of(killed[0]):  # they end when their host does; the time limit of the test ends this
        time.sleep(PAUSE)
    folders.reap()
    assert scratch_of(killed[0]) == []


def test_a_run_moves_between_threads_and_a_cluster(
    cluster: Cluster, whole: dict[object, object], tmp_path: Path
):
    run(tmp_path, CONFIG.model_copy(update={"budget": 2}))
    run(tmp_path, on(cluster, budget=3))
    run(tmp_path, CONFIG)
    again = result(tmp_path)
    assert {key: again[key] for key in range(6)} == {key: whole[key] for key in range(6)}


class Deadly:
    """Kills the process that it is in, by some jobs."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def work(self, job: str) -> str:
        self.tell(f"begins {job}")
        if job == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    def close(self) -> None:
        pass


def executor(
    address: str, make_worker: Callable[[Tell], Any] = Deadly, **options: Any
) -> DaskExecutor[str, str]:
    def lost(job: str, error: InfrastructureError) -> str:
        return f"{job}: {error}"

    return DaskExecutor(address, name="test", make_worker=make_worker, jobs=1, lost=lost, **options)


def fed(*jobs: str) -> JobQueue[str]:
    job_queue: JobQueue[str] = JobQueue()
    for job in jobs:
        job_queue.put(job)
    job_queue.close()
    return job_queue


def test_a_job_that_kills_every_worker_comes_back_as_lost(cluster: Cluster):
    workers = executor(cluster.address)
    lost, fine = workers.outcomes(fed("poison", "harmless"))
    assert "4 workers died while they had this job" in lost
    assert "same command" in lost
    assert fine == "harmless"
    workers.close()


def test_what_workers_tell_is_heard_before_the_outcome(cluster: Cluster):
    received: list[str] = []
    workers = executor(cluster.address, on_message=received.append)
    for outcome in workers.outcomes(fed("a", "b", "c")):
        assert f"begins {outcome}" in received
    workers.close()


def test_what_cannot_be_heard_ends_the_work(cluster: Cluster):
    def full(text: str) -> None:
        raise InfrastructureError("The disk is full.")

    workers = executor(cluster.address, on_message=full)
    with pytest.raises(InfrastructureError, match="disk is full"):
        list(workers.outcomes(fed("a", "b")))


def test_a_worker_that_cannot_be_equipped_is_named(cluster: Cluster):
    def make_worker(tell: Tell) -> Deadly:
        raise UsageError("There are no data of this benchmark here.")

    workers = executor(cluster.address, make_worker)
    with pytest.raises(InfrastructureError, match=r"The worker tcp://127.*no data of this.*end this worker"):
        list(workers.outcomes(fed("a")))


def test_a_cluster_without_workers_is_not_waited_for_for_ever():
    with LocalCluster(n_workers=0, dashboard_address=":0", host="127.0.0.1") as empty:
        workers = executor(str(empty.scheduler.address), patience=0.5)  # type: ignore[union-attr]
        with pytest.raises(InfrastructureError, match=r"no worker at tcp://.*dask worker"):
            list(workers.outcomes(fed("a")))


def test_no_scheduler_is_said_and_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("evolve.campaign.dask_executor.CONNECT_SECONDS", 0.5)
    config = CONFIG.model_copy(update={"cluster": "tcp://127.0.0.1:9"})
    for _ in range(2):  # the lock was given back
        with pytest.raises(InfrastructureError, match=r"no dask scheduler at tcp://127\.0\.0\.1:9"):
            run(tmp_path, config)


def test_caps_on_spending_are_refused(tmp_path: Path):
    config = CONFIG.model_copy(update={"cluster": "tcp://127.0.0.1:9", "max_usd": 1.0})
    with pytest.raises(UsageError, match="max_usd cannot be kept on a cluster"):
        run(tmp_path, config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("site", "message"),
    [
        (WorkerFactory(CONFIG, True, "other"), "data of 'small'"),
        (WorkerFactory(CONFIG, True, "other", version="0.0.0"), "expected 0.0.0"),
        (
            WorkerFactory(CONFIG.model_copy(update={"benchmark": "/nowhere.py"}), True, ""),
            "no benchmark file",
        ),
    ],
)
def test_a_worker_whose_scores_could_not_be_compared_is_refused(site: WorkerFactory, message: str):
    with pytest.raises(UsageError, match=message):
        site(lambda _: None)


def test_messages_are_json():
    message = WorkerMessage(news="The provider does not answer.")
    assert WorkerMessage.model_validate_json(message.model_dump_json()) == message


@pytest.mark.slow
def test_model_calls_of_workers_end_in_the_account_of_the_run(
    lab: Lab, server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where workers keep replies
    here = lab.run("here", lab.config(SMALL))
    before = server.totals().requests
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as inner:
        there = lab.run("there", lab.config(SMALL, cluster=Cluster(inner).address))
    assert there.error is None
    assert there.decided == here.decided
    asked = server.totals().requests - before
    assert asked > 0
    assert sum(account.attempts for account in there.accounts.roles.values()) == asked
    assert {call.candidate for call in there.calls if not call.cached} >= set(there.candidates)
