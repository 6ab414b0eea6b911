"""A newcomer's first session: commands of the README on own data, with the mistakes that one makes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
COLUMNS = 80


class Session:
    """A terminal of 80 columns in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed: list[str] = []

    def type(self, line: str, *, code: int = 0) -> str:
        """What ``evolve LINE`` prints; it ends with ``code``, and never with a traceback."""
        self.typed.append(line)
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "evolve", *line.split()],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": str(COLUMNS), "PYTHONPATH": str(README.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == code, f"evolve {line}\n{said}"
        assert "Traceback" not in said
        return said

    def append(self, name: str, line: str) -> None:
        path = self.folder / "mine" / name
        path.write_text(path.read_text() + line + "\n")

    def lines(self, name: str) -> list[str]:
        return (self.folder / "mine" / name).read_text().splitlines()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


def fits(text: str) -> bool:
    """No line is wider than the terminal."""
    return all(len(line) <= COLUMNS for line in text.splitlines())


def flat(text: str) -> str:
    """Without the line breaks of a narrow terminal."""
    return " ".join(text.split())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_from_nothing_to_a_package(session: Session) -> None:
    said = session.type("init mine")
    assert "evolve benchmarks check mine" in said

    questions = session.lines("questions.jsonl")
    session.append("questions.jsonl", '{"question": "Who bought the boat?", "answer": "", "split": "test"}')
    session.append("questions.jsonl", '{"question": "When?", "answr": "in May", "split": "test"}')
    session.append("episodes.jsonl", '{"id": "thursday", "text": "4 June 2026"')
    said = session.type("benchmarks check mine", code=1)
    assert "3 problems" in said
    for part in ("episodes.jsonl", "questions.jsonl", "line 4", "line 5", "empty answer", "answr"):
        assert part in flat(said), said
    said = session.type("run mine/evolve.toml --sandbox process", code=2)
    assert "error: " in said
    assert not (session.folder / "runs").exists(), "nothing is begun on data with mistakes"

    (session.folder / "mine" / "questions.jsonl").write_text("\n".join(questions) + "\n")
    episodes = session.lines("episodes.jsonl")[:3]
    (session.folder / "mine" / "episodes.jsonl").write_text("\n".join(episodes) + "\n")
    assert "no problem found" in flat(session.type("benchmarks check mine"))

    said = session.type("run mine/evolve.toml --seeds lexcal", code=2)
    assert "Did you mean lexical?" in flat(said)
    said = session.type("run mine/evolve.toml --seeds lexical --sandbox process --dry-run")
    assert "no model is asked" in flat(said)
    assert not (session.folder / "runs").exists(), "a dry run writes nothing"

    said = session.type(
        "run mine/evolve.toml --seeds lexical,hybrid --sandbox process --budget 2 --name first --plain"
    )
    assert "All episodes of a memory fit in one read" in flat(said)
    assert fits(session.type("front first"))
    assert fits(session.type("show first"))
    assert "first" in session.type("show frist", code=2), "the runs that there are, are named"
    session.type("report first")
    assert (session.folder / "first.html").is_file()
    session.type("export first --name my-memory --out plugins")
    assert (session.folder / "plugins" / "my-memory").is_dir()
    assert json.loads(session.type("front first --json"))["run"] == "first"


def test_the_readme_names_every_command_of_the_session() -> None:
    text = README.read_text()
    for command in ("init", "benchmarks check", "run", "front", "show", "report", "export"):
        assert re.search(rf"evolve {command}\b", text), command
    assert "--dry-run" in text
