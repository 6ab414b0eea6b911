"""Whole campaigns with every role played by the test server, through litellm, in bare processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evolve.campaign import Summary, build
from evolve.config import CampaignConfig, merged
from evolve.errors import EvolveError
from evolve.events import Discarded, Evaluated, Event, Joined
from evolve.journal import RunRecord
from evolve.models.backoff import Backoff
from evolve.models.calls import Call, read_calls
from evolve.models.gateway import Gateway
from evolve.models.usage_totals import Accounts, UsageTotals
from evolve.records import Candidate, Evaluation
from tests.campaign.actors import MODELS
from tests.server.fixtures import KEY_VARIABLE

HERE = Path(__file__).parent
SEEDS = tuple(str(HERE / "programs" / f"{name}.py") for name in ("recent", "vectors", "digest"))
SETTINGS: Mapping[str, Any] = {
    "benchmark": str(HERE / "diary.py"),
    "seeds": SEEDS,
    "budget": 12,
    "window": 3,
    "jobs": 3,
    "search.objectives": ("quality", "cost"),  # no times, which differ from run to run
    "search.crossover": 0.1,
    "search.mutators": "model",  # every child is the script's
    "search.prompt": "full",
    "search.retry": "repair",
    "search.edit": "blocks",
    "search.notes": "off",  # the script draws its moods by the prompt
    "benchmark_options": {"days": "16", "tasks": "18", "test": "4"},
    "evaluation.static": 8,
    "evaluation.rotating": 4,
    "sandbox.backend": "process",
    "models.concurrency": 16,
    "models.preflight": False,  # so that what the server was sent is the campaign's alone
}
SMALL: Mapping[str, Any] = {
    "seeds": SEEDS[:1],
    "budget": 2,
    "window": 1,
    "benchmark_options": {"days": "8", "tasks": "10", "test": "2"},
    "search.scoped": False,
    "search.crossover": 0.0,
    "evaluation.static": 5,
    "evaluation.rotating": 2,
}
"""A campaign of seconds, for one thing each."""


quick = partial(Gateway, backoff=Backoff(first=0.02, most=0.1))
"""A gateway with short pauses after a failure."""


@dataclass
class Ended:
    """What is left of a campaign, and what it said.

    Attributes:
        record: on disk.
        events: as they were told, those of earlier processes too.
        notices: sentences for the user.
        summary: None where it did not come to its end.
        error: what ended it, if anything did.
    """

    record: RunRecord
    events: list[Event] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    summary: Summary | None = None
    error: EvolveError | None = None

    @property
    def calls(self) -> list[Call]:
        """All model calls of the run."""
        return read_calls(self.record.calls)[0]

    @property
    def accounts(self) -> Accounts:
        """The sums over them."""
        return UsageTotals(self.calls).accounts()

    @property
    def candidates(self) -> dict[int, Candidate]:
        """Number → candidate."""
        return {e.candidate.number: e.candidate for e in self.events if isinstance(e, Joined)}

    @property
    def discarded(self) -> dict[int, str]:
        """Number → why there is none."""
        return {e.number: e.reason for e in self.events if isinstance(e, Discarded)}

    @property
    def decided(self) -> dict[int, object]:
        """All that the campaign decided, and no times: to compare campaigns by."""
        joined = {
            number: (c.program, c.parents, c.operator, c.message, c.objectives, c.item_scores, c.failed)
            for number, c in self.candidates.items()
        }
        return {**joined, **self.discarded}

    @property
    def front(self) -> list[str]:
        """The programs that nothing beats."""
        assert self.summary is not None
        return [candidate.program for candidate in self.summary.front]

    def evaluation(self, number: int, subset: str = "static") -> Evaluation:
        """The kept evaluation of a candidate."""
        found = self.record.evaluations(self.candidates[number].program)
        return next(evaluation for evaluation in found if evaluation.subset == subset)

    def evaluated_once(self) -> bool:
        """No candidate has two scores on one subset."""
        made = [(e.number, e.subset) for e in self.events if isinstance(e, Evaluated)]
        return len(made) == len(set(made))


class Lab:
    """Makes campaigns at one server, in one folder of runs.

    Args:
        url: of the server.
        root: the folder.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.url = url
        self.root = root

    def config(self, base: Mapping[str, Any] = SETTINGS, **overrides: Any) -> CampaignConfig:
        """``SETTINGS`` with changes; a double underscore stands for the dot of a key."""
        roles = {
            f"models.{role}": {
                "model": f"openai/{model}",
                "api_base": self.url,
                "key_env": KEY_VARIABLE,
                "timeout_seconds": 20.0,
            }
            for role, model in MODELS.items()
        }
        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        return merged(CampaignConfig(), {**roles, **SETTINGS, **base, **dotted})

    def run(
        self,
        name: str,
        config: CampaignConfig,
        *,
        connect: Callable[..., Gateway] = quick,
        watch: Callable[[Event], None] = lambda event: None,
    ) -> Ended:
        """Begin or resume the run ``name``, to its end or to what ends it."""
        notices: list[str] = []
        seen: list[Event] = []
        summary, ending = None, None

        def observer(event: Event) -> None:
            seen.append(event)
            watch(event)

        try:
            with build(
                config, root=self.root, name=name, unsafe_local=True, notify=notices.append, connect=connect
            ) as campaign:
                summary = campaign.run(observer)
        except EvolveError as error:
            ending = error
        return Ended(RunRecord(self.root / name), seen, notices, summary, ending)


def texts(found: Sequence[object]) -> str:
    """For a search in all of it."""
    return "\n".join(map(str, found))
