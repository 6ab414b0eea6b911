"""The plug-in of examples/extension, installed by pip: its names work, and it may be broken."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "examples" / "extension"
FEW = ["--benchmark", "chronicle", "--static", "4", "--sandbox", "process"]


def test_a_selector_a_mutator_and_a_judge_take_fewer_than_forty_lines() -> None:
    lines = (EXTENSION / "evolve_extension" / "__init__.py").read_text().splitlines()
    assert len(lines) < 40


@pytest.mark.parametrize("path", ["examples/extension/evolve_extension/__init__.py", "docs/python.md"])
def test_a_mutator_and_a_selector_take_at_most_ten_lines_each(path: str) -> None:
    """By entry point and from Python; lines of the class without its docstring and blank ones."""
    text = (ROOT / path).read_text()
    source = (
        text
        if path.endswith(".py")
        else "\n".join(re.findall(r"^```python.*?\n(.*?)^```", text, re.M | re.S))
    )
    lines = {}
    for node in ast.parse(source).body:
        methods = {part.name for part in getattr(node, "body", []) if isinstance(part, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef) and methods & {"mutate", "select"}:
            body = [part for part in node.body if not isinstance(part, ast.Expr)]
            written = "\n".join(filter(None, (ast.get_source_segment(source, part) for part in body)))
            lines[node.name] = 1 + sum(bool(line.strip()) for line in written.splitlines())
            assert not re.search(r"\b_[a-z]", written), "no private name"
    print(path, lines)
    assert len(lines) >= 2
    assert max(lines.values()) <= 10


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that pip installed the plug-in into."""
    target = tmp_path_factory.mktemp("packages")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(EXTENSION)], check=True, timeout=900)
    return target


def evolve(packages: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(packages), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "evolve", *arguments]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_its_names_are_listed_and_work(installed: Path, tmp_path: Path) -> None:
    listed = evolve(installed, tmp_path, "run", "--help").stdout
    for name, kind in (("underdog", "selector"), ("retune", "mutator"), ("keyword", "judge")):
        assert f"{name}" in listed
        assert f"{kind}, from evolve-extension 0.1.0" in " ".join(listed.split())
    names = ["--selection", "underdog", "--mutators", "retune"]
    search = ["run", *FEW, *names, "--name", "mine", "--seeds", "lexical", "--budget", "2", "--test", "0"]
    refused = evolve(installed, tmp_path, *search)
    assert refused.returncode == 2, "what a plug-in writes is not this project's own"
    assert "--unsafe-local" in refused.stderr
    ran = evolve(installed, tmp_path, *search, "--unsafe-local")
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in (tmp_path / "runs/mine/journal.jsonl").read_text().splitlines()]
    assert {event["operator"] for event in events if event["type"] == "proposed"} == {"retune"}
    assert next(event for event in events if event["type"] == "started")["mutator"] == "retune-1"
    graded = ["evaluate", "lexical", *FEW, "--judge", "keyword", "--metric", "judge", "--json"]
    found = evolve(installed, tmp_path, *graded)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["metric"] == "judge"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_broken_plug_in_stops_only_what_uses_it(installed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "packages"
    broken.mkdir()
    for entry in installed.iterdir():
        (broken / entry.name).symlink_to(entry)
    (broken / "evolve_extension").unlink()
    (broken / "evolve_extension").mkdir()
    (broken / "evolve_extension" / "__init__.py").write_text("import a_module_that_nobody_has\n")
    assert evolve(broken, tmp_path, "seeds").returncode == 0
    assert evolve(broken, tmp_path, "run", "--help").returncode == 0
    refused = evolve(broken, tmp_path, "run", *FEW, "--seeds", "lexical", "--selection", "underdog")
    assert refused.returncode == 2
    assert "a_module_that_nobody_has" in refused.stderr
    assert "pip uninstall evolve-extension" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "runs" / "chronicle" / "config.toml").exists()
    plain = evolve(broken, tmp_path, "run", *FEW, "--seeds", "lexical", "--budget", "0", "--test", "0")
    assert plain.returncode == 0, plain.stderr
    parts = json.loads(evolve(broken, tmp_path, "doctor", "--json").stdout)["registered"]
    own = [part for part in parts if part["source"].startswith("evolve-extension")]
    problems = {part["name"]: part["problem"] for part in own}
    assert set(problems) == {"underdog", "retune", "keyword"}
    assert all("pip uninstall evolve-extension" in problem for problem in problems.values())
