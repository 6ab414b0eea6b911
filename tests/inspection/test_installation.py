from __future__ import annotations

import io
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from evolve import resources
from evolve.benchmark import available
from evolve.errors import InfrastructureError, UsageError
from evolve.inspection import benchmarks, catalogue, doctor
from evolve.inspection.text import to_json
from evolve.models.local.weights import PUBLISHED

BENCHMARK = '''
"""A benchmark of a user."""
from evolve.benchmark import Benchmark, benchmark
from evolve.errors import UsageError
from evolve.records import Episode, Task

@benchmark
def tiny(data_dir, *, size: int = 2):
    """Two facts.

    More about them.
    """
    if not (data_dir / "facts.txt").is_file():
        raise UsageError(f"no facts in {data_dir}")
    episodes = tuple(Episode(id=str(i), text=f"fact {i}") for i in range(size))
    return Benchmark(
        name="tiny", episodes=episodes, validation=(Task(id="v", question="?", answers=("1",)),),
        test=(Task(id="t", question="?", answers=("1",)),), card={"licence": "none"},
    )
'''


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    (tmp_path / "tiny.py").write_text(BENCHMARK)
    return tmp_path / "tiny.py"


def rendered(view: object) -> str:
    file = io.StringIO()
    Console(file=file, width=200).print(view)
    return file.getvalue()


def test_a_benchmark_with_its_data(tiny: Path) -> None:
    (tiny.parent / "facts.txt").touch()
    data = json.loads(to_json(benchmarks.benchmark_data(str(tiny), tiny.parent, {"size": "3"})))
    assert (data["available"], data["episodes"], data["validation"], data["test"]) == (True, 3, 1, 1)
    assert data["options"] == {"size": 2}
    text = rendered(benchmarks.benchmark_view(data))
    for part in ("More about them.", "licence", "3 episodes, 1 validation and 1 test", "size = 2", "fact 0"):
        assert part in text


def test_a_benchmark_without_its_data(tiny: Path) -> None:
    data = benchmarks.benchmark_data(str(tiny), tiny.parent / "nowhere", {})
    assert not data["available"]
    assert f"not valid: no facts in {tiny.parent / 'nowhere'}" in rendered(benchmarks.benchmark_view(data))


def test_a_wrong_option_is_no_missing_data(tiny: Path) -> None:
    with pytest.raises(UsageError, match="no option 'sise'; it has size"):
        benchmarks.benchmark_data(str(tiny), tiny.parent, {"sise": "3"})


def test_the_embedded_benchmark_is_listed() -> None:
    rows = {row["name"]: row for row in benchmarks.benchmarks_data()}
    assert rows["chronicle"]["available"]
    assert "locomo" in rows
    assert "chronicle" in rendered(benchmarks.benchmarks_view(list(rows.values())))


def test_the_list_says_whether_files_are_there_without_reading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVE_DATA", str(tmp_path))
    for path in ("locomo/locomo10.json", "hotpotqa/a_sample.json"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_text("not read")
    rows = {row["name"]: row for row in benchmarks.benchmarks_data()}
    assert rows["locomo"]["available"]
    assert (rows["hotpotqa"]["available"], rows["hotpotqa"]["partial"]) == (False, True)
    assert (rows["halumem"]["available"], rows["halumem"]["partial"]) == (False, False)
    assert "benchmarks fetch halumem" in rows["halumem"]["missing"]
    text = rendered(benchmarks.benchmarks_view(list(rows.values())))
    assert "other files" in text
    assert "missing" in text


def test_without_its_engine_a_benchmark_shows_its_card_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVE_DATA", str(tmp_path))
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: False)
    listed = {row["name"]: row for row in benchmarks.benchmarks_data()}
    for name in ("alfworld", "scienceworld", "textworld"):
        assert not listed[name]["available"]
        data = json.loads(to_json(benchmarks.benchmark_data(name, None, {})))
        text = rendered(benchmarks.benchmark_view(data))
        for part in ("licence", "metric", "splits", "source", f"evolve-memory[{name}]"):
            assert part in text
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: True)
    monkeypatch.setattr("evolve.environments.simulator.shutil.which", lambda program: program)
    listed = {row["name"]: row for row in benchmarks.benchmarks_data()}
    assert listed["scienceworld"]["available"], "nothing was asked of an engine that is not there"
    assert "alfworld-download" in listed["alfworld"]["missing"]


def test_without_its_data_every_benchmark_shows_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVE_DATA", str(tmp_path))
    monkeypatch.setattr("evolve.environments.simulator._has", lambda python, package: False)
    for entry in available():
        data = benchmarks.benchmark_data(entry.name, None, {})
        assert {"licence", "source"} <= data["card"].keys(), entry.name
        assert data["available"] != ("missing" in data)


def test_seeds_are_listed() -> None:
    rows = {row["name"]: row for row in catalogue.seeds_data()}
    assert {"vector_search", "llm_summarizer", "experience_learner", "lexical", "hybrid"} <= set(rows)
    assert all(row["summary"] and row["lines"] and row["item"] and row["query"] for row in rows.values())
    assert "BM25" in rendered(catalogue.seeds_view(list(rows.values())))


def test_models_are_listed_with_their_file_or_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (row,) = catalogue.models_data()
    assert (row["name"], row["path"]) == ("local", None)
    assert "evolve models get local" in rendered(catalogue.models_view([row]))
    file = tmp_path / "evolve" / "models" / PUBLISHED["local"].file
    file.parent.mkdir(parents=True)
    file.touch()
    os.truncate(file, PUBLISHED["local"].gguf_bytes)  # takes no room
    (row,) = catalogue.models_data()
    assert row["path"] == str(file)
    text = rendered(catalogue.models_view([row]))
    assert "SmolLM2-135M-Instruct" in text
    assert row["sha256"][:12] in text


@pytest.mark.parametrize("installed", [True, False])
def test_doctor_tells_of_the_extra_for_local_models(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOCAL_PACKAGES", ("rich",) if installed else ("not-there",))
    data = doctor.doctor_data(lambda: {"usable": False, "reason": "", "remedy": ""}, absent, passed)
    assert data["intact"], "it is an extra"
    text = rendered(doctor.doctor_view(data))
    if installed:
        assert f"rich {data['packages']['rich']}" in text
    else:
        assert "not installed: not-there; pip install 'evolve-memory[local]'" in text


def absent() -> str | None:
    return "there is no command bwrap"


def passed(name: str) -> doctor.Data:
    return {"seconds": 0.25, "found": {"network": f"refused by {name}"}, "passed": True}


def test_doctor_checks_what_auto_takes() -> None:
    data = doctor.doctor_data(lambda: {"usable": False, "reason": "", "remedy": ""}, lambda: None, passed)
    assert data["sandbox"]["auto"] == "bwrap"
    text = rendered(doctor.doctor_view(data))
    assert "network: refused by bwrap in 0.2 s" in text
    assert "memory_mb 512" in text


def test_the_self_check_of_a_process_tells_that_it_confines_nothing() -> None:
    data = doctor.check_data("process")
    assert (data["found"]["note"], data["found"]["callback"]) == ("kept", "(1, 4)")
    assert data["seconds"] > 0


def test_doctor_with_docker() -> None:
    docker = {"usable": True, "engine": "20.10", "image": "evolve-sandbox:1", "base": "b", "built": False}
    data = json.loads(to_json(doctor.doctor_data(lambda: docker, absent, passed)))
    assert data["intact"]
    assert data["sandbox"]["auto"] == "docker"
    text = rendered(doctor.doctor_view(data))
    assert "evolve-sandbox:1 is not built yet" in text
    assert "auto takes docker" in text
    assert "broken" not in text
    podman = docker | {"engine": "Podman 4.3.1", "weaker": "files are not counted"}
    text = rendered(doctor.doctor_view(doctor.doctor_data(lambda: podman, absent, passed)))
    assert "engine Podman 4.3.1; files are not counted" in text, "a limit that is not held is named"


def test_doctor_without_docker() -> None:
    data = doctor.doctor_data(
        lambda: {"usable": False, "reason": "No engine.", "remedy": "Start it."}, absent, passed
    )
    assert data["intact"], "there is work without Docker"
    text = rendered(doctor.doctor_view(data))
    assert "No engine. Start it." in text
    assert "auto takes process" in text
    assert "--unsafe-local" in text


def test_doctor_of_a_broken_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Path:
        raise InfrastructureError(f"no folder {name}")

    monkeypatch.setattr(doctor, "PACKAGES", ("rich", "a-package-that-is-not-there"))
    monkeypatch.setattr(resources, "folder", absent)
    data = doctor.doctor_data(lambda: {"usable": False, "reason": "", "remedy": ""}, lambda: "none", passed)
    assert not data["intact"]
    text = rendered(doctor.doctor_view(data))
    assert "missing: a-package-that-is-not-there" in text
    assert "no folder seeds" in text
    assert "install the package again" in text


def test_an_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    data = doctor.docker_data()
    assert not data["usable"]
    assert "No Docker engine answers" in data["reason"]
    assert "Start Docker" in data["remedy"]


def test_doctor_knows_every_dependency() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=!~\[ ]", text)[0] for text in project["dependencies"]}
    assert set(doctor.PACKAGES) == declared
    extra = {re.split(r"[<>=!~\[ ]", text)[0] for text in project["optional-dependencies"]["local"]}
    assert set(doctor.LOCAL_PACKAGES) == extra
