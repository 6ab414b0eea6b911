"""Worker of a campaign on a cluster, with the models, the sandbox and the data of its machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve import __version__
from evolve.campaign.candidate_worker import CandidateWorker, EvaluateCandidate, JobResult, MakeCandidate
from evolve.campaign.mutator_setup import candidate_worker
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.evaluation_setup import EvaluationSetup, open_benchmark_setup
from evolve.model_set import open_model_set
from evolve.models.calls import Call
from evolve.records import Record

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

Tell = Callable[[str], None]
_LOG = logging.getLogger(__name__)


class WorkerMessage(Record):
    """Message of a worker to the deciding process: a model call, or news for the user."""

    call: Call | None = None
    news: str = ""


@dataclass(frozen=True)
class WorkerFactory:
    """Factory of a worker process's state for the jobs of a campaign. Picklable.

    Attributes:
        config: configuration of the campaign; its paths must lead to the same files on the worker's machine.
        unsafe_local: programs may run in a bare process there.
        conditions: conditions of the deciding process's evaluator.
        version: version of this software there.
    """

    config: CampaignConfig
    unsafe_local: bool
    conditions: str
    version: str = __version__

    def __call__(self, tell: Tell) -> CampaignWorker:
        """Open the sandbox, the models and the worker.

        Args:
            tell: sends messages to the deciding process.

        Raises:
            UsageError: something is missing here, or scores would not be comparable.
            InfrastructureError: the sandbox cannot be started, or the embedding model cannot be asked.
        """
        if self.version != __version__:
            raise UsageError(f"It has version {__version__} of evolve-memory; expected {self.version}.")
        benchmark_setup = open_benchmark_setup(
            self.config, unsafe_local=self.unsafe_local, trusted=False, notify=_LOG.info
        )
        closing = [benchmark_setup.sandbox.close]
        try:
            model_set = open_model_set(
                self.config,
                calls=None,
                cache=_reply_cache(self.config),
                notify=lambda news: tell(WorkerMessage(news=news).model_dump_json()),
                passages=benchmark_setup.passages,
                guidance=benchmark_setup.benchmark.guidance,
                connect=_ReportingCallLog(tell).gateway,
            )
            closing.append(model_set.close)
            setup = benchmark_setup.with_models(self.config, model_set)
            if setup.conditions != self.conditions:
                raise UsageError(
                    f"Its scores could not be compared: its data of {benchmark_setup.benchmark.name!r}, or "
                    "the models' settings in its environment, are not those of the deciding process."
                )
        except BaseException:
            for close in reversed(closing):
                close()
            raise
        return CampaignWorker(candidate_worker(self.config, setup), setup)


class CampaignWorker:
    """Worker with its evaluation setup, to be closed together."""

    def __init__(self, candidate_worker: CandidateWorker, setup: EvaluationSetup) -> None:
        self._candidate_worker = candidate_worker
        self._setup = setup

    def work(self, job: MakeCandidate | EvaluateCandidate) -> JobResult:
        """See ``CandidateWorker.work``."""
        return self._candidate_worker.work(job)

    def close(self) -> None:
        """End running jobs, the models and the sandbox. Safe to call again."""
        self._setup.close()


class _ReportingCallLog:
    """``CallLog`` that reports calls: the deciding process keeps the account."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def gateway(self, **parts: Any) -> Gateway:
        """Return a gateway whose calls are reported."""
        from evolve.models.gateway import open_gateway  # which an offline campaign does not need

        parts["calls"] = self
        return open_gateway(**parts)

    def past(self) -> tuple[Call, ...]:
        return ()

    def append(self, call: Call) -> None:
        self._tell(WorkerMessage(call=call).model_dump_json())


def _reply_cache(config: CampaignConfig) -> Path:
    """Return the file of replies on a worker's machine: not next to the runs, which may be unreachable."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return config.models.cache or Path(cache) / "evolve" / "models.sqlite"
