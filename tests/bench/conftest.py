"""Two small benchmarks and the folder of runs that their programs are scored in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.seeds import seed_path

BENCHMARK = '''
"""A benchmark for tests."""
from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

THINGS = ("bicycle", "piano", "garden", "violin", "telescope", "canoe", "kettle", "lantern")

@benchmark
def NAME(data_dir, *, verb: str = "bought"):
    """Who got what."""
    episodes, tasks = [], []
    for number, thing in enumerate(THINGS):
        line = f"Person{number}: I VERB a {thing} in town.".replace("VERB", verb)
        episodes.append(Episode(id=f"e{number}", text=f"Monday\\n{line}\\nPerson9: Nice weather."))
        tasks.append(Task(id=f"q{number}", question=f"Who {verb} a {thing}?", answers=(f"Person{number}",),
                          evidence=(Evidence(episode=f"e{number}", text=line),)))
    return Benchmark(name="NAME", episodes=tuple(episodes), validation=tuple(tasks[:4]),
                     test=tuple(tasks[4:]))
'''
LACKING = '''
from evolve.benchmark import benchmark
from evolve.data import DataFile, locate

@benchmark(files=[DataFile("absent.json", "https://example.org/absent.json")])
def lacking(data_dir):
    """Needs a file."""
    locate(data_dir, ("absent.json",), "lacking")
'''
RAISES = """

    def read(self, query: Query) -> str:
        raise LookupError('no shelf')
"""
Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(BENCHMARK.replace("NAME", "shop"))
    return path


@pytest.fixture
def fair(tmp_path: Path) -> Path:
    path = tmp_path / "fair.py"
    path.write_text(BENCHMARK.replace("NAME", "fair").replace('"bought"', '"sold"'))
    return path


@pytest.fixture
def lacking(tmp_path: Path) -> Path:
    path = tmp_path / "lacking.py"
    path.write_text(LACKING)
    return path


@pytest.fixture
def invoke(root: Path) -> Invoke:
    """``evolve`` with arguments, in the folder of runs: exit code, stdout, stderr."""
    runner = CliRunner()

    def call(*arguments: Any) -> tuple[int, str, str]:
        result = runner.invoke(app, [*map(str, arguments), "--root", str(root)], env={"COLUMNS": "200"})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.exit_code, result.stdout, result.stderr

    return call


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A program whose ``read`` raises."""
    source = seed_path("lexical").read_text().replace("def read(", "def unused(").rstrip()
    path = tmp_path / "broken.py"
    path.write_text(source + RAISES)
    return path
