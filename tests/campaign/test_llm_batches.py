"""Campaigns whose extraction goes through a batch API, also where they are killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.config import to_toml
from evolve.errors import UsageError
from evolve.models.batch_log import FILE_NAME, BatchFile
from evolve.models.calls import Call, read_calls
from evolve.models.gateway import Gateway
from tests.campaign.actors import actors
from tests.campaign.lab import SMALL, Lab
from tests.models.conftest import short_sleep
from tests.server.server import ModelServer

BATCHED: Mapping[str, Any] = {**SMALL, "models.batch": "extraction", "models.batch_least": 2}


@pytest.fixture
def lab(model_server: ModelServer, tmp_path: Path) -> Lab:
    for model, script in actors().items():
        model_server.script(model, script)
    return Lab(model_server.url, tmp_path)


def asked_twice(server: ModelServer) -> list[str]:
    """Keys of requests that are in more than one batch."""
    keys = Counter(key for batch in server.desk.batches for key in batch.bodies)
    return [key for key, times in keys.items() if times > 1]


def extraction(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.cause == "extract" and not call.cached]


def test_extraction_goes_through_batches(lab: Lab, model_server: ModelServer) -> None:
    ended = lab.run("batched", lab.config(BATCHED, budget=0), connect=partial(Gateway, sleep=short_sleep))
    assert ended.error is None
    batched = [one for one in model_server.served if one.path.endswith("#batch")]
    assert len(batched) == len(extraction(ended.calls)) > 0
    assert sum(len(batch.bodies) for batch in model_server.desk.batches) == len(batched)
    assert asked_twice(model_server) == []
    assert BatchFile(ended.record.path / FILE_NAME).unfinished() == []
    assert any("as batch batch_0, at half the price" in notice for notice in ended.notices)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"models.task.model": "ollama_chat/qwen3:8b"}, "found ollama_chat/qwen3:8b"),
        ({"models.task.model": "offline"}, "found offline"),
    ],
)
def test_a_task_model_without_a_batch_api_is_refused(change: dict[str, str], found: str, lab: Lab) -> None:
    ended_by = lab.run("refused", lab.config({**BATCHED, **change})).error
    assert isinstance(ended_by, UsageError)
    assert "expects a task model with a batch API (openai/... or anthropic/...)" in str(ended_by)
    assert found in str(ended_by)


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [True, False])
def test_a_campaign_killed_after_it_submitted_a_batch_does_not_pay_twice(
    recorded: bool, lab: Lab, model_server: ModelServer, tmp_path: Path
) -> None:
    """Killed while it waits, or before it hears that the batch was taken."""
    (tmp_path / "config.toml").write_text(to_toml(lab.config(BATCHED)))
    model_server.desk.looks = None
    record = tmp_path / "runs" / "run" / FILE_NAME
    process = started(tmp_path)
    if not recorded:
        model_server.desk.submitted = lambda batch: os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(one.batch for one in BatchFile(record).unfinished()):
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.1)
    (submitted,) = BatchFile(record).unfinished()
    assert bool(submitted.batch) is recorded
    (batch,) = model_server.desk.batches
    assert set(batch.bodies) == set(submitted.keys)
    model_server.desk.looks = 1
    model_server.desk.submitted = lambda batch: None
    resumed = started(tmp_path)
    said, _ = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, said
    assert f"Waiting for batch {batch.id}, which was submitted before." in said
    assert asked_twice(model_server) == []
    calls = read_calls(tmp_path / "runs" / "run" / "calls.jsonl")[0]
    batched = [one for one in model_server.served if one.path.endswith("#batch")]
    assert len(batched) == sum(call.outcome == "ok" for call in extraction(calls))
    assert BatchFile(record).unfinished() == []


def started(folder: Path) -> subprocess.Popen[str]:
    arguments = [
        "run", str(folder / "config.toml"), "--name", "run", "--root", str(folder / "runs"),
        "--unsafe-local", "--plain", "--trust",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "evolve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
