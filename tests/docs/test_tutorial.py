"""The tutorial does what it says: its blocks are run in their order, in one folder, as a reader would.

A fenced block without a title is run (``sh`` by bash, ``python`` by this interpreter). One with the name of a
file for a title is saved as that file. Any other title says why a reader's machine is needed (a key, a server
that runs on): of such a block the commands of ``evolve`` are only parsed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from evolve.cli import app
from evolve.config import load_config

ROOT = Path(__file__).parents[2]
PAGES = ("first-campaign", "own-benchmark", "own-model", "reuse")
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"[\w-]+\.\w+")


@dataclass(frozen=True)
class Block:
    page: str
    language: str
    title: str
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = (ROOT / "docs" / "tutorial" / f"{page}.md").read_text()
        for language, title, body in BLOCK.findall(text):
            yield Block(page, language, title, body)


def do(block: Block, folder: Path) -> None:
    """Run or save ``block``; fails with its page, its text and what it said."""
    if FILE.fullmatch(block.title):
        (folder / block.title).write_text(block.text)
        return
    run = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [sys.executable, "-c"]
    # `evolve` and `python` are those of this environment.
    path = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*run, block.text], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{block.page}:\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_what_the_tutorial_shows_is_true(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "evolve"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m evolve "$@"\n')
    command.chmod(0o755)
    for block in blocks():
        if block.language in ("sh", "python") and (not block.title or FILE.fullmatch(block.title)):
            do(block, tmp_path)
    assert (tmp_path / "first.html").is_file()
    assert (tmp_path / "memory" / "journal.jsonl").is_file()


def test_commands_that_need_more_than_a_machine_are_at_least_commands() -> None:
    group = typer.main.get_command(app)
    parsed = 0
    for block in blocks():
        if block.language == "sh" and block.title:
            for line in block.text.splitlines():
                words = shlex.split(line)
                if words[0] == "evolve":
                    context = group.make_context("evolve", [], resilient_parsing=True)
                    command = group.get_command(context, words[1])  # type: ignore[attr-defined]
                    assert command is not None, line
                    command.make_context(words[1], words[2:], parent=context)  # an option that is none raises
                    parsed += 1
    assert parsed >= 4


@pytest.mark.parametrize(
    "block", [block for block in blocks() if block.language == "toml"], ids=lambda block: block.title
)
def test_configurations_are_ones(block: Block, tmp_path: Path) -> None:
    path = tmp_path / block.title
    path.write_text(block.text)
    config = load_config(path)
    assert config.max_usd or config.max_tokens
