"""Several reflectors in one campaign: by their weights, or by what each brought for its price."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from evolve.errors import EvolveError
from evolve.events import Discarded, Event, Proposed
from tests.campaign.actors import MODELS, Reflector
from tests.campaign.lab import SEEDS, SMALL, Ended, Lab
from tests.server import faults
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import always
from tests.server.server import ModelServer

pytestmark = pytest.mark.slow  # whole campaigns, one for each row: minutes together

CHEAP, DEAR = "gpt-4o-mini-2024-07-18", "gpt-4o-2024-11-20"


def settings(server: ModelServer, **more: Any) -> dict[str, Any]:
    """Two reflectors at the server: a cheap one that finds nothing, and a dear one that works."""
    server.script(CHEAP, "I have no idea.")
    server.script(DEAR, Reflector("improve", "vary"))
    reached = {"api_base": server.url, "key_env": KEY_VARIABLE}
    return {
        **SMALL,
        "seeds": SEEDS[::2],
        "budget": 10,
        "window": 2,
        "jobs": 2,
        "search.repairs": 0,
        "models.reflector": {"model": "offline"},
        "models.reflectors": [
            {"model": f"openai/{CHEAP}", "weight": 1.0, **reached},
            {"model": f"openai/{DEAR}", "weight": 3.0, **reached},
        ],
        **more,
    }


def makers(ended: Ended) -> dict[int, str]:
    """Number of a child → the model that was asked for it."""
    events: list[Event] = ended.events
    made = {e.number: e.operator for e in events if isinstance(e, Proposed | Discarded)}
    return {number: operator.partition(" by openai/")[2] for number, operator in made.items()}


def test_children_are_made_by_the_weights(server: ModelServer, lab: Lab) -> None:
    ended = lab.run("run", lab.config(settings(server, budget=24)))
    assert ended.error is None
    counts = Counter(makers(ended).values())
    assert set(counts) == {CHEAP, DEAR}
    assert counts[DEAR] > counts[CHEAP]
    served = Counter(one.model for one in server.served if one.model in counts)
    assert served == counts


def test_the_bandit_learns_and_a_resumed_campaign_decides_the_same(server: ModelServer, lab: Lab) -> None:
    given = settings(server, **{"search.ensemble": "bandit", "budget": 12})
    whole = lab.run("whole", lab.config(given))
    assert whole.error is None
    prices = {e.number: e.usd for e in whole.events if isinstance(e, Proposed | Discarded)}
    assert all(usd is not None and usd > 0 for usd in prices.values())
    for budget in (3, 7, 12):
        torn = lab.run("torn", lab.config(given, budget=budget))
        assert torn.error is None
    assert torn.decided == whole.decided
    assert makers(torn) == makers(whole)
    one = lab.run("one", lab.config(given, jobs=1))
    assert one.decided == whole.decided


class Stop(EvolveError):
    """Ends a campaign from inside, as a kill would."""


@pytest.mark.parametrize("after", [2, 5])
def test_prices_are_the_same_when_replies_come_from_the_cache(
    server: ModelServer, lab: Lab, after: int
) -> None:
    given = settings(server, **{"search.ensemble": "bandit", "budget": 8})
    count = 0

    def watch(event: Event) -> None:
        nonlocal count
        count += isinstance(event, Proposed | Discarded)
        if count == after:
            raise Stop("enough")

    stopped = lab.run("torn", lab.config(given), watch=watch)
    assert isinstance(stopped.error, Stop)
    torn = lab.run("torn", lab.config(given))
    whole = lab.run("whole", lab.config(given))
    assert torn.decided == whole.decided
    told = [
        {e.number: e.usd for e in run.events if isinstance(e, Proposed | Discarded)} for run in (torn, whole)
    ]
    assert told[0] == told[1]


def test_the_bandit_chooses_among_the_operators_of_one_model_too(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], Reflector("improve", "vary"))
    config = lab.config(SMALL, budget=8, search__ensemble="bandit", search__scoped=True)
    ended = lab.run("run", config)
    assert ended.error is None
    operators = {e.operator for e in ended.events if isinstance(e, Proposed | Discarded)}
    assert all(operator.endswith(f"by openai/{MODELS['reflector']}") for operator in operators)
    assert len(operators) > 2


def test_a_reflector_of_several_that_is_gone_stops_it_with_its_name(server: ModelServer, lab: Lab) -> None:
    given = settings(server)
    server.script(DEAR, always(faults.unknown_model()))
    ended = lab.run("run", lab.config(given))
    assert ended.error is not None
    assert DEAR in str(ended.error)
    server.script(DEAR, Reflector("improve", "vary"))
    assert lab.run("run", lab.config(given)).error is None


def test_rules_make_the_children_that_a_model_could_not(server: ModelServer, lab: Lab) -> None:
    server.script(MODELS["reflector"], "I have no idea.")
    changes = {"search.mutators": "both", "budget": 6, "search.repairs": 0}
    ended = lab.run("run", lab.config({**SMALL, **changes}))
    assert ended.error is None
    made = [event.operator for event in ended.record.events() if isinstance(event, Proposed)]
    assert made
    assert all(" by rules" in operator for operator in made)
    assert any(" by rules after reflect" in operator for operator in made)
    assert not any(
        "no fenced block" in reason and "; then " not in reason for reason in ended.discarded.values()
    )
