"""Worker of a campaign on a cluster, with the models, the sandbox and the data of its machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve import __version__
from evolve.campaign.rearing import Nursery, Outcome, Rear, Score
from evolve.campaign.staffing import nursery
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.models.calls import Call
from evolve.records import Record
from evolve.roles import open_roles
from evolve.workbench import Workbench, open_bench

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

Tell = Callable[[str], None]
_LOG = logging.getLogger(__name__)


class Message(Record):
    """Message of a worker to the deciding process: a model call, or news for the user."""

    call: Call | None = None
    news: str = ""


@dataclass(frozen=True)
class Site:
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

    def __call__(self, tell: Tell) -> Workplace:
        """Open the sandbox, the models and the worker.

        Args:
            tell: sends messages to the deciding process.

        Raises:
            UsageError: something is missing here, or scores would not be comparable.
            InfrastructureError: the sandbox cannot be started, or the embedding model cannot be asked.
        """
        if self.version != __version__:
            raise UsageError(f"It has version {__version__} of evolve-memory; expected {self.version}.")
        bench = open_bench(self.config, unsafe_local=self.unsafe_local, trusted=False, notify=_LOG.info)
        closing = [bench.sandbox.close]
        try:
            roles = open_roles(
                self.config,
                calls=None,
                cache=_reply_cache(self.config),
                notify=lambda news: tell(Message(news=news).model_dump_json()),
                passages=bench.passages,
                guidance=bench.benchmark.guidance,
                connect=_Reporting(tell).gateway,
            )
            closing.append(roles.close)
            workbench = bench.equipped(self.config, roles)
            if workbench.conditions != self.conditions:
                raise UsageError(
                    f"Its scores could not be compared: its data of {bench.benchmark.name!r}, or the models' "
                    "settings in its environment, are not those of the deciding process."
                )
        except BaseException:
            for close in reversed(closing):
                close()
            raise
        return Workplace(nursery(self.config, workbench), workbench)


class Workplace:
    """Worker with its evaluation setup, to be closed together."""

    def __init__(self, nursery: Nursery, workbench: Workbench) -> None:
        self._nursery = nursery
        self._workbench = workbench

    def work(self, job: Rear | Score) -> Outcome:
        """See ``Nursery.work``."""
        return self._nursery.work(job)

    def close(self) -> None:
        """End running jobs, the models and the sandbox. Safe to call again."""
        self._workbench.close()


class _Reporting:
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
        self._tell(Message(call=call).model_dump_json())


def _reply_cache(config: CampaignConfig) -> Path:
    """Return the file of replies on a worker's machine: not next to the runs, which may be unreachable."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return config.models.cache or Path(cache) / "evolve" / "models.sqlite"
