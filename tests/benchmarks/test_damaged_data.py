"""Real data, whole and damaged, of every benchmark that has some in ``$EVOLVE_DATA``."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.benchmark import default_data_dir, find
from evolve.environments.simulator import Simulator
from evolve.errors import UsageError
from evolve.inspection.benchmarks import benchmark_data

FILES = {
    "locomo": ("locomo10.json", {}),
    "longmemeval": ("longmemeval_oracle_subset70.json", {}),
    "healthbench": ("healthbench_easy_posttrainbench.jsonl", {}),
    "prbench": ("prbench_legal_hard_europe37.jsonl", {}),
    "hotpotqa": ("hotpotqa_train.json", {}),
    "alfworld": ("alfworld_index.jsonl", {}),
    "textworld": ("tw-coin_collector.json", {"games": "given"}),
}
SHOWN = {
    "locomo": (272, 1540),
    "longmemeval": (153, 70),
    "healthbench": (156, 139),
    "prbench": (14, 23),
    "hotpotqa": (994, 100),
    "alfworld": (300, 274),
    "textworld": (2, 3),
}
"""Episodes, and tasks of both splits: the published numbers of LoCoMo and ALFWorld, samples of the others."""


def cut(content: bytes) -> bytes:
    """As a download that broke off leaves it: within a record."""
    return content[: len(content) * 6 // 10]


def garbled(content: bytes) -> bytes:
    """A block in the middle is zeros, as a torn write leaves it."""
    middle = len(content) // 2
    return content[:middle] + bytes(512) + content[middle + 512 :]


def without_a_field(content: bytes) -> bytes:
    """The last record lacks all that the others have."""
    text = content.decode()
    if text.lstrip().startswith("["):
        return json.dumps([*json.loads(text)[:-1], {}]).encode()
    return "\n".join([*text.strip().split("\n")[:-1], "{}"]).encode()


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(Simulator, "require", lambda self: None)  # only records are read
    if not (default_data_dir(request.param) / FILES[request.param][0]).is_file():
        pytest.skip(f"no data in $EVOLVE_DATA/{request.param}")
    return request.param


def test_real_data_are_shown_with_their_counts(name):
    data = benchmark_data(name, None, FILES[name][1])
    assert data["available"], data
    assert (data["episodes"], data["validation"] + data["test"]) == SHOWN[name]
    assert data["first_episodes"][0]["text"]
    assert data["first_tasks"][0]["question"]
    assert {"task", "source", "licence", "metric", "splits", "protocol"} <= data["card"].keys()


@pytest.mark.parametrize("damage", [cut, garbled, without_a_field])
def test_damaged_data_are_a_message_with_file_and_place(
    name: str, damage: Callable[[bytes], bytes], tmp_path: Path
):
    file, options = FILES[name]
    for other in default_data_dir(name).iterdir():
        if name == "textworld" and other.suffix == ".json":
            shutil.copy(other, tmp_path / other.name)
    content = (default_data_dir(name) / file).read_bytes()
    (tmp_path / file).unlink(missing_ok=True)
    (tmp_path / file).write_bytes(damage(content))
    with pytest.raises(UsageError) as error:
        find(name).load(tmp_path, options)
    said = str(error.value)
    assert file in said
    assert re.search(r"line \d+|lacks the field", said), said
    assert re.search(r"[Ff]etch (it|the file) again", said), said
