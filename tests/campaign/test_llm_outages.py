"""Outages and budgets in mid-campaign: nothing is lost, burnt or paid for twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.config import to_toml
from evolve.errors import BudgetReached, InfrastructureError
from evolve.events import Evaluated, Event, Finished, Joined, Proposed
from evolve.models.backoff import Backoff
from evolve.models.gateway import Gateway
from tests.campaign.actors import MODELS, actors
from tests.campaign.lab import SEEDS, SMALL, Ended, Lab
from tests.server import faults
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Asked, always
from tests.server.server import KEY, ModelServer

pytestmark = pytest.mark.slow  # whole campaigns, one for each row: minutes together

SETTINGS = {**SMALL, "seeds": SEEDS[::2], "budget": 4, "window": 2, "jobs": 2, "seed": 1}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """The campaign of ``SETTINGS``, undisturbed."""
    with pytest.MonkeyPatch.context() as patch, ModelServer(actors()) as server:
        patch.setenv(KEY_VARIABLE, KEY)
        lab = Lab(server.url, tmp_path_factory.mktemp("calm"))
        yield lab.run("calm", lab.config(SETTINGS))


def at(kind: type[Event], act: Callable[[], None]) -> Callable[[Event], None]:
    """``act`` at the first event of a kind."""
    done = False

    def watch(event: Event) -> None:
        nonlocal done
        if isinstance(event, kind) and not done:
            done = True
            act()

    return watch


def survives(server: ModelServer, lab: Lab, calm: Ended, kind: type[Event], seconds: float) -> None:
    ended = lab.run("run", lab.config(SETTINGS), watch=at(kind, lambda: server.outage(seconds)))
    assert ended.error is None
    assert ended.decided == calm.decided
    assert ended.evaluated_once()
    assert any(f"at {server.url} does not answer" in notice for notice in ended.notices)
    assert any(f"at {server.url} answers again" in notice for notice in ended.notices)
    assert ended.accounts.total.failed == 0
    assert ended.accounts.total.usage.tokens == calm.accounts.total.usage.tokens
    assert not any(isinstance(e, Evaluated) and e.status == "inconclusive" for e in ended.events)


@pytest.mark.parametrize("kind", [Joined, Proposed])
def test_a_total_outage_in_mid_campaign_loses_no_candidate_and_no_iteration(
    server: ModelServer, lab: Lab, calm: Ended, kind: type[Event]
) -> None:
    survives(server, lab, calm, kind, seconds=2)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_total_outage_of_a_minute(server: ModelServer, lab: Lab, calm: Ended) -> None:
    survives(server, lab, calm, Proposed, seconds=60)


def impatient(**given: object) -> Gateway:
    return Gateway(**{**given, "backoff": Backoff(first=0.01, most=0.02), "patience_seconds": 0.3})  # type: ignore[arg-type]


@pytest.mark.parametrize("role", MODELS)
def test_an_outage_that_outlasts_patience_stops_it_and_scores_nothing(
    server: ModelServer, lab: Lab, calm: Ended, role: str
) -> None:
    """The paper's code scored a child 0.0 in an outage of the answer model, and kept it in the pool."""
    model = next(model for known, model in MODELS.items() if known == role)
    working = actors()[model]

    def breaks() -> None:
        server.script(model, always(faults.server_error(503)))

    if role == "embedding":
        breaks()  # all its calls are made at the start
    ended = lab.run("run", lab.config(SETTINGS), connect=impatient, watch=at(Joined, breaks))
    assert isinstance(ended.error, InfrastructureError)
    assert f"The {role} model" in str(ended.error), "the others at its address are up"
    assert str(ended.error).count("rerun the command") == 1, "the remedy is said once"
    assert not ended.discarded
    for number, candidate in ended.candidates.items():
        assert candidate.item_scores == calm.candidates[number].item_scores
    server.script(model, working)
    again = lab.run("run", lab.config(SETTINGS))
    assert again.error is None
    assert again.decided == calm.decided


def test_a_cap_in_usd_is_kept_and_a_higher_one_goes_on(server: ModelServer, lab: Lab, calm: Ended) -> None:
    total = calm.accounts.total.usage.usd
    dearest = max(call.usd or 0.0 for call in calm.calls)
    concurrency = 4
    ended, caps = None, [total / 3, total * 2 / 3, total * 1.6]  # a call is only made if its most fits
    for cap in caps[:2]:
        ended = lab.run("run", lab.config(SETTINGS, max_usd=cap, models__concurrency=concurrency))
        assert isinstance(ended.error, BudgetReached)
        assert f"limit of {cap:g} USD" in str(ended.error)
        assert "--max-usd" in str(ended.error)
        assert isinstance(ended.events[-1], Finished)
        assert ended.events[-1].reason == "spent"
        assert ended.accounts.total.usage.usd <= cap + concurrency * dearest
        assert ended.accounts.total.failed == 0
        assert not set(ended.discarded.items()) - set(calm.discarded.items())
    before = len(server.served)
    ended = lab.run("run", lab.config(SETTINGS, max_usd=caps[2], models__concurrency=concurrency))
    assert ended.error is None
    assert ended.decided == calm.decided
    assert ended.evaluated_once()
    assert len(server.served) > before
    assert ended.accounts.total.usage.usd == pytest.approx(total)  # nothing was paid for twice
    assert ended.accounts.total.usage.calls == calm.accounts.total.usage.calls


def test_a_cap_in_tokens_pauses_it_too(server: ModelServer, lab: Lab, calm: Ended) -> None:
    cap = calm.accounts.total.usage.tokens // 2
    ended = lab.run("run", lab.config(SETTINGS, max_tokens=cap))
    assert isinstance(ended.error, BudgetReached)
    again = lab.run("run", lab.config(SETTINGS))
    assert again.error is None
    assert again.decided == calm.decided


def test_the_command_line_pauses_with_exit_0_and_says_what_was_spent(
    server: ModelServer, lab: Lab, calm: Ended
) -> None:
    file = lab.root.parent / "campaign.toml"
    file.write_text(to_toml(lab.config(SETTINGS)))
    runner = CliRunner()
    common = [
        "run",
        str(file),
        "--name",
        "run",
        "--root",
        str(lab.root),
        "--unsafe-local",
        "--plain",
        "--trust",
    ]
    half = calm.accounts.total.usage.usd / 2
    paused = runner.invoke(app, [*common, "--max-usd", f"{half:.6f}"])
    assert paused.exit_code == 0, paused.output
    assert "Paused: nothing is lost." in paused.stderr
    assert "--max-usd" in paused.stderr
    assert "USD" in paused.stdout  # what was spent so far, by role
    done = runner.invoke(app, [*common, "--max-usd", "5"])
    assert done.exit_code == 0, done.output
    assert "Paused" not in done.stderr
    for role, account in calm.accounts.roles.items():
        rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines()]
        (row,) = [row for row in rows if row and row[0] == role]
        assert row[1] == f"{account.usage.calls:,}"
        assert row[-1] == f"{account.usage.usd:,.4f}"
    assert KEY not in paused.output + done.output


def keys_in(folder: os.PathLike[str]) -> list[str]:
    """The files that hold the key in any form that is read as text."""
    found = []
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118
            with open(path, "rb") as file:  # noqa: PTH123
                if KEY.encode() in file.read():
                    found.append(path)
    return found


def test_the_key_is_in_no_file_log_or_error(
    server: ModelServer,
    lab: Lab,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Providers that quote the key in errors, requests that fail for it, and programs' own messages."""
    quoting = faults.http_error(500, f"The key {KEY} is overloaded.", "server_error")

    def now_and_then(model: str) -> Callable[[Asked], object]:
        script = actors()[model]
        return lambda asked: quoting if asked.seen == 0 and asked.index % 3 == 0 else script(asked)

    for model in MODELS.values():
        server.script(model, now_and_then(model))  # type: ignore[arg-type]
    ended = lab.run("run", lab.config(SETTINGS))
    server.script(MODELS["judge"], always(faults.wrong_key(KEY)))
    stopped = lab.run("stopped", lab.config(SETTINGS, models__cache=str(lab.root / "other.sqlite")))
    server.script(MODELS["judge"], always(faults.http_error(400, f"Bad header Bearer {KEY}")))
    refused = lab.run("refused", lab.config(SETTINGS, models__cache=str(lab.root / "third.sqlite")))
    assert ended.error is None
    assert stopped.error is not None
    assert refused.error is not None
    said = [str(one) for run in (ended, stopped, refused) for one in (run.error, run.events, run.notices)]
    captured = capfd.readouterr()
    assert keys_in(lab.root.parent) == []
    assert KEY not in "\n".join((*said, captured.out, captured.err, caplog.text))
    assert "[key]" in str(stopped.error)  # it was there to be left out
