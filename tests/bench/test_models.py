"""A bench in which every role is a model: through litellm to the test server."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.bench.config import BenchConfig, adjusted
from evolve.bench.running import run_bench
from evolve.models.calls import read_calls
from evolve.models.usage_totals import UsageTotals
from tests.campaign.actors import MODELS, actors
from tests.campaign.lab import SEEDS, SMALL, Lab, quick
from tests.server.faults import wrong_key
from tests.server.server import ModelServer

pytestmark = pytest.mark.slow


@pytest.fixture
def server(model_server: ModelServer) -> ModelServer:
    for model, script in actors().items():
        model_server.script(model, script)
    return model_server


@pytest.fixture
def asked(server: ModelServer, root: Path) -> BenchConfig:
    lab = Lab(server.url, root)
    names = ("benchmark", "benchmark_options")
    days = ":".join(f"{key}={value}" for key, value in SMALL["benchmark_options"].items())
    config = lab.config(SMALL, jobs=1, evaluation__metric="judge")
    return BenchConfig(
        programs=SEEDS[:2],
        benchmarks=(f"{config.benchmark}:{days}",),
        campaign=config.model_copy(update={name: type(config)().model_dump()[name] for name in names}),
    )


@pytest.fixture
def bench(root: Path) -> Any:
    return partial(
        run_bench,
        "b",
        root=root,
        unsafe_local=True,
        notify=lambda text: None,
        tell=lambda *told: None,
        connect=quick,
    )


def spent(root: Path) -> int:
    return UsageTotals(read_calls(root / "b" / "calls.jsonl")[0]).accounts().total.usage.tokens


def test_it_accounts_for_calls_and_says_costs_in_usd(bench, asked: BenchConfig, root: Path):
    data = bench(asked)
    assert [cell["status"] for cell in data["cells"]] == ["complete", "complete"]
    assert data["benchmarks"][0]["metric"] == "judge"
    assert data["benchmarks"][0]["cost_unit"] == "usd"
    assert all(cell["cost"] > 0 for cell in data["cells"])
    assert data["models"]["task"] == f"openai/{MODELS['task']}"
    once = spent(root)
    assert bench(asked)["cells"] == data["cells"]
    assert spent(root) == once


def test_a_budget_pauses_it_and_a_higher_one_goes_on(bench, asked: BenchConfig, root: Path, tmp_path: Path):
    whole = bench(asked, root=tmp_path / "elsewhere")
    enough = spent(tmp_path / "elsewhere")
    capped = adjusted(asked, {"campaign": asked.campaign.model_copy(update={"max_tokens": enough // 2})})
    data = bench(capped)
    assert "Paused" in data["benchmarks"][0]["problem"]
    assert {cell["status"] for cell in data["cells"]} <= {"complete", "missing"}
    assert "missing" in {cell["status"] for cell in data["cells"]}
    assert spent(root) <= enough // 2
    rest = bench(adjusted(asked, {"campaign": asked.campaign.model_copy(update={"max_tokens": 9 * enough})}))
    qualities = [cell["quality"] for cell in rest["cells"]]
    assert qualities == [cell["quality"] for cell in whole["cells"]]
    assert spent(root) == enough, "what was answered is not asked again"


def test_an_outage_is_no_score(bench, asked: BenchConfig, server: ModelServer):
    server.script(MODELS["judge"], lambda request: wrong_key())
    data = bench(asked)
    assert {cell["status"] for cell in data["cells"]} == {"inconclusive"}
    assert all(cell["quality"] is None for cell in data["cells"])
    server.script(MODELS["judge"], actors()[MODELS["judge"]])
    assert {cell["status"] for cell in bench(asked)["cells"]} == {"complete"}
