"""The estimate of a dry run beside what the same campaign then takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.campaign.estimate import Estimate, estimate
from evolve.config import CampaignConfig, merged
from tests.campaign.lab import SMALL, Lab
from tests.server.server import ModelServer

FACTOR = 2.0
FEW = 6.0
"""Calls of a role that are too few for a factor to mean something."""
SHARE = 0.05
"""Share of the price from which on the price of a role is compared: the scripts' replies are very short."""


def estimated(config: CampaignConfig, root: Path) -> Estimate:
    return estimate(config, root=root, unsafe_local=True, notify=lambda _: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"seed": 1}, {**SMALL, "budget": 8, "search.scoped": True}],
    ids=["three programs, twelve children", "one program, eight children"],
)
def test_a_campaign_takes_what_was_estimated_within_a_factor_of_two(
    server: ModelServer, lab: Lab, tmp_path: Path, settings: dict[str, object]
) -> None:
    config = merged(lab.config(), settings)
    told = estimated(config, lab.root)
    assert server.served == [], "a dry run sends nothing"
    assert not list(lab.root.glob("*")), "and writes nothing"
    ended = lab.run("run", config)
    assert ended.error is None
    found = ended.accounts
    by_role = {role.role: role for role in told.roles}
    for role, account in found.roles.items():
        if account.usage.calls < FEW:
            continue
        one = by_role[role]
        assert one.usd is not None
        pairs: dict[str, tuple[float, float]] = {
            "calls": (one.calls, account.usage.calls),
            "tokens": (one.tokens_in + one.tokens_out, account.usage.tokens),
        }
        if account.usage.usd > SHARE * found.total.usage.usd:
            pairs["usd"] = (one.usd, account.usage.usd)
        for what, (said, took) in pairs.items():
            assert took / FACTOR <= said <= took * FACTOR, (role, what, said, took)
    assert told.usd is not None
    assert found.total.usage.usd / FACTOR <= told.usd <= found.total.usage.usd * FACTOR


def test_notes_of_a_model_and_the_caps_of_an_agent_are_part_of_it(lab: Lab) -> None:
    config = merged(lab.config(), {**SMALL, "budget": 6, "search.mutators": "model", "search.notes_every": 2})
    plain, noted, agent = (
        {role.role: role for role in estimated(merged(config, changes), lab.root).roles}["reflector"]
        for changes in (
            {},
            {"search.notes": "model"},
            {"search.proposer": "agent", "search.agent.steps": 5, "search.agent.tokens": 9_000},
        )
    )
    assert noted.calls - plain.calls == pytest.approx(3)
    assert 3 * 1_000 < noted.tokens_in - plain.tokens_in < 3 * 2_000
    assert agent.calls == pytest.approx(6 * 5)
    assert agent.tokens_in + agent.tokens_out == pytest.approx(6 * 9_000)


def test_tokens_of_batches_cost_half(lab: Lab) -> None:
    config = merged(lab.config(), {**SMALL, "budget": 2, "search.mutators": "model"})
    plain, batched = (
        {role.role: role for role in estimated(merged(config, {"models.batch": given}), lab.root).roles}[
            "task"
        ]
        for given in ("off", "extraction")
    )
    assert (batched.calls, batched.tokens_in) == pytest.approx((plain.calls, plain.tokens_in))
    assert plain.usd is not None
    assert batched.usd is not None
    assert plain.usd / 2 < batched.usd < 0.95 * plain.usd
