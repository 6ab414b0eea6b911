"""The map of CONTRIBUTING.md is that of the tree, and the README is short."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ("evolve", "sandbox", "seeds", "skills", "benchmarks", "examples", "tests")


def named() -> set[str]:
    """Files and folders that the map names; a folder ends with ``/``."""
    block = re.search(r"^```\n(evolve/.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert block
    return set(re.findall(r"\b([a-z_]+(?:/|\.py))", block[1]))


def entry(path: Path) -> str:
    return f"{path.name}/" if path.is_dir() else path.name


def test_every_module_and_package_of_the_engine_is_on_the_map() -> None:
    private = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    present = {entry(path) for path in (ROOT / "evolve").iterdir() if path.name not in private}
    assert present - named() == set()
    assert {f"{folder}/" for folder in FOLDERS} - named() == set()


def test_the_map_names_nothing_that_is_not_there() -> None:
    there = {entry(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*")}
    assert named() - there - {f"{folder}/" for folder in FOLDERS} == set()


def test_the_files_that_the_page_names_are_there() -> None:
    paths = re.findall(r"`((?:evolve|tests|docs|examples|benchmarks|seeds|sandbox)/[\w./-]*)`", TEXT)
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_readme_has_at_most_1200_words() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 1_200
