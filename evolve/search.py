"""A search that is set up, as ``evolve.run`` and the command line start it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolve.arguments import Settled
from evolve.campaign import Campaign, build
from evolve.events import Event
from evolve.journal import RunRecord
from evolve.results import Result, Run

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway


@dataclass(frozen=True)
class Search:
    """Models, sandbox and run directory of a search, ready to start.

    Attributes:
        run: the run directory, with what earlier processes recorded.
        campaign: the campaign, which ``start`` carries out.
    """

    run: Run
    campaign: Campaign

    @property
    def gateway(self) -> Gateway | None:
        """Client of the models; None where no model is asked."""
        return self.campaign.setup.model_set.gateway

    def start(self, observer: Callable[[Event], None]) -> Result:
        """Search until the budget or the time is used up, and return the outcome.

        Args:
            observer: called with every event, those of earlier processes first.

        Raises:
            UsageError, InfrastructureError, BudgetReached: see ``evolve.run``.
        """
        summary = self.campaign.run(observer)
        return Result(self.run, summary.reason, summary.comparisons)


@contextmanager
def open_search(settled: Settled, *, unsafe_local: bool, notify: Callable[[str], None]) -> Iterator[Search]:
    """Open models, sandbox and run directory for a configuration that was admitted; close them at the end.

    Args:
        settled: configuration and place of the run.
        unsafe_local: let programs that are not this project's own run in a bare process.
        notify: told in sentences what the user should know.

    Raises:
        UsageError, InfrastructureError, BudgetReached: see ``evolve.campaign.build``.
    """
    place = settled.place
    with build(
        settled.config,
        root=place.root,
        name=place.name,
        unsafe_local=unsafe_local,
        notify=notify,
        components=settled.components,
    ) as campaign:
        yield Search(Run(RunRecord.open(place.root, place.name), place.keep), campaign)
