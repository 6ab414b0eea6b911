"""The skill and the page for coding agents: their commands are run, or at least are commands."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer

from evolve.cli import app
from tests.docs.test_tutorial import BLOCK, ROOT, Block, do

PAGES = ("skills/evolve-memory/SKILL.md", "AGENTS.md")


def blocks(page: str) -> list[Block]:
    return [Block(page, *found) for found in BLOCK.findall((ROOT / page).read_text())]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_one(page: str) -> None:
    group = typer.main.get_command(app)
    parsed = 0
    for block in blocks(page):
        for line in block.text.splitlines():
            words = shlex.split(line.partition("|")[0].removeprefix('cp "$(').removeprefix("python -m "))
            if words[:1] == ["evolve"]:
                context = group.make_context("evolve", [], resilient_parsing=True)
                command = group.get_command(context, words[1])  # type: ignore[attr-defined]
                assert command is not None, line
                command.make_context(words[1], words[2:], parent=context)  # an option that is none raises
                parsed += 1
    assert parsed >= 1


def test_the_skill_names_itself_and_commands_in_its_text_exist() -> None:
    text = (ROOT / PAGES[0]).read_text()
    assert text.startswith("---\nname: evolve-memory\ndescription: ")
    description = text.splitlines()[2].removeprefix("description: ")
    assert len(description) <= 1024
    group = typer.main.get_command(app)
    context = group.make_context("evolve", [], resilient_parsing=True)
    named = set(re.findall(r"`evolve ([a-z-]+)", text))
    assert {"run", "hint", "improve"} <= named
    for name in named:
        assert group.get_command(context, name) is not None, name  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", PAGES)
def test_what_needs_no_model_is_run(page: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "evolve"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m evolve "$@"\n')
    command.chmod(0o755)
    for block in blocks(page):
        if block.language == "sh" and not block.title:
            do(block, tmp_path)
    if "SKILL" in page:
        assert list((tmp_path / "plugins" / "my-memory").rglob("manifest.json"))
        assert (tmp_path / "first.csv").is_file()
