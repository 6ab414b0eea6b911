"""A winner in somebody else's environment: installed by pip, sandboxed, and killed again and again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import evolve
from evolve.benchmark import default_data_dir, find

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (default_data_dir("locomo") / "locomo10.json").is_file(),
        reason="the real LoCoMo is not in $EVOLVE_DATA/locomo",
    ),
]
CHECKOUT = Path(evolve.__file__).parents[1]
TURNS, QUESTIONS, KILLS = 500, 40, 6

# What the README of a plug-in shows, with a loop, and a word to whoever waits for an acknowledgement.
README_CODE = """
import json, pathlib, sys
import evolve

turns, questions = json.loads(pathlib.Path("locomo.json").read_text())
with evolve.load("my-memory", path=sys.argv[1]) as memory:
    print(len(memory), flush=True)
    for turn in turns[len(memory):]:
        memory.remember(turn)
        print("acknowledged", flush=True)
    print(json.dumps([memory.recall(question) for question in questions]), flush=True)
"""


@pytest.fixture
def python(plugin: Path, tmp_path: Path) -> Path:
    """The interpreter of a fresh environment with this project and the plug-in, as pip installs them."""
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    # In one call: the plug-in requires evolve-memory, which is this checkout.
    subprocess.run([*pip, str(CHECKOUT), str(plugin)], check=True, timeout=900)
    return home / "bin" / "python"


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A folder that is not the checkout, with the texts and the questions that stand in them."""
    benchmark = find("locomo").load(None)
    turns: list[str] = []
    for episode in benchmark.episodes:
        date, *lines = episode.text.splitlines()
        turns += [f"{date}\n{line}" for line in lines]
    turns = turns[:TURNS]
    stored = {line for turn in turns for line in turn.splitlines()}
    questions = [
        task.question
        for task in (*benchmark.validation, *benchmark.test)
        if task.evidence and all(line in stored for e in task.evidence for line in e.text.splitlines())
    ]
    assert len(turns) == TURNS
    assert len(questions) >= QUESTIONS
    folder = tmp_path / "away"
    folder.mkdir()
    (folder / "locomo.json").write_text(json.dumps([turns, questions[:QUESTIONS]]))
    return folder


def begin(python: Path, away: Path, memory: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), "-c", README_CODE, memory]
    return subprocess.Popen(
        command, cwd=away, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """How many texts were there when it began, and what it recalled at the end."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    first, *_, last = out.splitlines()
    return int(first), json.loads(last)


def test_killed_in_mid_write_again_and_again_it_recalls_as_if_it_never_was(python: Path, away: Path) -> None:
    clock = random.Random(7)
    acknowledged = 0
    for _ in range(KILLS):
        process = begin(python, away, "killed")
        assert process.stdout is not None
        there = process.stdout.readline()
        assert there, process.communicate()[1]
        assert acknowledged <= int(there) <= acknowledged + 1, (
            "an acknowledged text was lost, or one was invented"
        )
        acknowledged = int(there)
        for _ in range(clock.randrange(1, TURNS // KILLS - 5)):
            acknowledged += process.stdout.readline() == "acknowledged\n"
        time.sleep(clock.uniform(0, 0.02))  # somewhere within a write: it does nothing else
        process.kill()
        acknowledged += process.communicate()[0].count("acknowledged\n")
    assert acknowledged < TURNS, "the last kill came after the last write"

    there, recalled = finish(begin(python, away, "killed"))
    assert acknowledged <= there <= acknowledged + 1
    journal = [json.loads(line) for line in (away / "killed" / "journal.jsonl").read_text().splitlines()]
    turns, _ = json.loads((away / "locomo.json").read_text())
    assert [entry["text"] for entry in journal if entry["type"] == "remembered"] == turns

    assert recalled == finish(begin(python, away, "undisturbed"))[1]
    assert recalled == finish(begin(python, away, "killed"))[1], "opened once more, nothing to store"
    assert sum(map(bool, recalled)) == QUESTIONS
