"""The tutorial of the Python API is a program that runs, block after block."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import evolve
from evolve.arguments import KEYS
from evolve.config import CampaignConfig, flattened

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "python.md").read_text()
BLOCK = re.compile(r"^```python( title=\"[^\"]*\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall(TEXT)


def test_there_are_ten_steps() -> None:
    steps = re.findall(r"^## (\d+)\. ", TEXT, re.MULTILINE)
    assert steps == [str(number) for number in range(1, 11)]
    assert len(BLOCKS) > len(steps)


def test_every_name_and_setting_of_the_tutorial_is_one() -> None:
    tree = ast.parse("\n".join(block for _, block in BLOCKS))
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "evolve"
    }
    assert len(attributes) > 10
    assert attributes <= set(evolve.__all__)
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    dotted = {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", text)}
    known = set(flattened(CampaignConfig()))
    assert "evaluation.static" in dotted
    assert dotted - {"mine.html"} <= known
    assert set(KEYS.values()) <= known


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_tutorial_runs(tmp_path: Path) -> None:
    program = "\n".join(block for title, block in BLOCKS if not title)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert (tmp_path / "mine.html").is_file()
    assert (tmp_path / "memory" / "journal.jsonl").is_file()
