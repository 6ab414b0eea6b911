"""What the scripts of this folder have in common: campaigns that nobody watches, and what they asked for."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from evolve.campaign import Summary, build
from evolve.config import CampaignConfig
from evolve.events import Evaluated, Event
from evolve.journal import RunDirectory, RunRecord
from evolve.runs.history import STATIC, TEST


def conducted(config: CampaignConfig, root: Path, name: str) -> Summary:
    """Run the campaign ``name`` to its budget, or take what is recorded of it.

    The sandbox ``process`` is used where the configuration names it: rules write these programs, no model.

    Raises:
        UsageError, InfrastructureError: as ``build`` and ``Campaign.run`` do; what was finished is kept.
    """
    bare = config.sandbox.backend == "process"
    with build(config, root=root, name=name, unsafe_local=bare, notify=_silent) as campaign:
        return campaign.run(_unwatched)


def begun_with(known: RunRecord, config: CampaignConfig, root: Path, name: str) -> None:
    """Begin the campaign ``name`` with the scores of the seed programs of ``known``, unless it is begun.

    Both must be of the same benchmark and static subset; scores of other conditions are not used.
    """
    if (root / name / "config.toml").is_file():
        return
    with RunDirectory.create_or_open(root, name, config) as run:
        for program in {event.program for event in known.events() if isinstance(event, Evaluated)}:
            for evaluation in known.evaluations(program):
                if evaluation.subset in (STATIC, TEST):
                    run.save_evaluation(evaluation)


def as_it_went(record: RunRecord) -> Iterator[tuple[Event, int]]:
    """Each event of a campaign, with the item evaluations that were made until then, those of the test aside.

    An item evaluation is one task put to a program on a validation subset, for fitness or for diagnosis. A
    program that broke is counted with all of the subset: how far it came is not recorded.
    """
    items = 0
    for event in record.events():
        if isinstance(event, Evaluated) and event.subset != TEST:
            found = record.evaluation(event.program, event.subset)
            if found and found.items:
                items += len(found.items) * found.repeats
            else:
                items += record.config.static if event.subset == STATIC else record.config.rotating
        yield event, items


def circumstances() -> str:
    """The machine, how busy it is, and the date."""
    load = os.getloadavg()[1]
    date = datetime.datetime.now(datetime.UTC).date()
    return f"{platform.system()}, {os.cpu_count()} cores, load {load:.1f}, {date}"


def _silent(text: str) -> None:
    """Say nothing: the table is all that is wanted."""


def _unwatched(event: Event) -> None:
    """Watch nothing."""
