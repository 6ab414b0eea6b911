"""The page on JSON outputs has the fields that the commands print, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import evolve
from evolve.cli import app
from tests.campaign.small import small

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
COMMANDS = {
    "runs": "runs",
    "front": "front mine",
    "show": "show mine 1",
    "trace": "trace mine 0 TASK",
    "progress": "progress mine",
    "lineage": "lineage mine",
    "compare": "compare mine mine",
    "diff": "diff mine 0 1",
    "notes": "notes mine",
    "seeds": "seeds",
    "benchmarks": "benchmarks",
    "doctor": "doctor",
}
WHERE_DATA_ARE = {"[].episodes", "[].validation", "[].test", "[].partial"}
"""Fields of benchmarks whose data are on this machine."""
WITHOUT_RUNS = {"seeds", "benchmarks", "doctor"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run."""
    folder = tmp_path_factory.mktemp("runs")
    evolve.run(
        small(Path()),
        programs=["lexical", "hybrid"],
        max_candidates=2,
        jobs=1,
        run=folder / "mine",
        sandbox="process",
        unsafe_local=True,
        settings={"evaluation.static": 4, "evaluation.test": 4, "sandbox.pool": 0},
    )
    return folder


def task(root: Path) -> str:
    """The id of a task that was asked."""
    return next(iter(evolve.open_run(root / "mine").candidates[0].evaluations[0].items)).task


def rows(command: str) -> Iterator[tuple[str, str]]:
    """First and second cell of the rows of the tables in the command's section."""
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        if f"`evolve {command}" in title:
            yield from re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE)


def documented(command: str) -> set[str]:
    """The paths of the fields of a command, as the page has them."""
    found: set[str] = set()
    for paths, meaning in rows(command):
        named = re.match(r"of ((?:`\w+`(?: and )?)+)[:,]", meaning)
        if named is None or f"`{command}`" in named.group(1):
            found |= set(re.findall(r"`([^`]+)`", paths))
    if command == "show":
        record = re.search(r"^\| candidate \| (.+) \|$", PAGE, flags=re.MULTILINE)
        assert record
        found |= set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", record.group(1)))) - {"null"}
    return found


def printed(value: Any, known: set[str], path: str = "") -> set[str]:
    """The paths of the fields of a document, down to those that the page knows."""
    if path in known:
        return {path}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return set().union(*(printed(entry, known, f"{path}[]") for entry in value))
    if isinstance(value, list) and not value and any(name.startswith(f"{path}[]") for name in known):
        return {name for name in known if name.startswith(f"{path}[]")}
    if isinstance(value, dict):
        return set().union(
            *(printed(inner, known, f"{path}.{key}" if path else key) for key, inner in value.items())
        )
    return {path}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_fields_of_a_command_are_those_of_the_page(command: str, root: Path) -> None:
    words = [*COMMANDS[command].replace("TASK", task(root)).split(), "--json"]
    if command not in WITHOUT_RUNS:
        words += ["--root", str(root)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code in (0, 1), done.output
    known = documented(command)
    assert known
    found = printed(json.loads(done.stdout), known)
    assert found <= known
    assert known - found <= WHERE_DATA_ARE


def test_an_interval_and_the_usage_have_the_fields_of_the_page(root: Path) -> None:
    shown = json.loads(CliRunner().invoke(app, ["show", "mine", "1", "--root", str(root), "--json"]).stdout)
    words = ["trace", "mine", "0", task(root), "--root", str(root), "--json"]
    trace = json.loads(CliRunner().invoke(app, words).stdout)
    for record, value in (("interval", shown["quality"]), ("usage", trace["usage"])):
        text = re.search(rf"^\| {record} \| (.+) \|$", PAGE, flags=re.MULTILINE)
        assert text
        names = set(re.findall(r"`(\w+)`", text.group(1))) - {"tasks", "groups"}
        assert set(value) == names
