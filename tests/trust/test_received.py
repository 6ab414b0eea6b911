"""Runs, configurations and folders of somebody else: nothing of them is executed unless the user approves."""

from __future__ import annotations

import importlib.util
import inspect
import json
import py_compile
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.campaign import build
from evolve.cli import app
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.evaluation_setup import is_trusted, programs_of
from evolve.events import Joined
from evolve.journal import RunDirectory, RunRecord
from evolve.program import MemoryProgram
from evolve.records import Candidate
from evolve.seeds import seed_program
from evolve.trust import Approvals

SMALL = Path(__file__).parents[1] / "campaign" / "small.py"
CONFIG = CampaignConfig.model_validate(
    {
        "benchmark": str(SMALL),
        "seeds": ["hybrid"],
        "budget": 0,
        "jobs": 1,
        "sandbox": {"backend": "process", "pool": 0},
        "evaluation": {"static": 4, "test": 2},
    }
)


def invoke(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was made here, on a benchmark file."""
    root = tmp_path_factory.mktemp("made")
    with build(CONFIG, root=root, name="theirs", unsafe_local=True, notify=lambda _: None) as campaign:
        campaign.run(lambda _: None)
    return root


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that is there once hostile code was executed."""
    return tmp_path / "executed"


@pytest.fixture
def received(made: Path, tmp_path: Path, mark: Path) -> Path:
    """The same run from somebody else: its benchmark is a file in it that leaves a mark."""
    root = Path(shutil.copytree(made, tmp_path / "runs"))
    hostile = root / "theirs" / "cache" / "b.py"
    hostile.write_text(SMALL.read_text().replace("small(", "b(") + f"\nopen({str(mark)!r}, 'w')\n")
    config = root / "theirs" / "config.toml"
    config.write_text(config.read_text().replace(str(SMALL), str(hostile)))
    return root


def looks() -> list[list[str]]:
    """Every command that looks at a run, with arguments, found by their parameters."""
    more = {"trace": ["0", "q"], "diff": ["0", "0"], "export": ["--name", "their-memory"]}
    more["add"] = ["lexical"]
    skipped = {"dashboard", "rm", "mv"}  # it serves until it is ended, see below; these move the run
    skipped |= {"pause", "resume", "stop"}  # of a run that no process works on they are refused
    names = []
    for command in app.registered_commands:
        assert command.callback is not None
        parameters = inspect.signature(command.callback).parameters
        name = command.name or command.callback.__name__
        if ("runs" in parameters or "run" in parameters) and name not in skipped:
            names.append([name, "theirs", *more.get(name, [])])
    return names


def test_all_commands_that_look_are_found() -> None:
    found = {command[0] for command in looks()}
    assert found >= {"show", "front", "compare", "progress", "lineage", "trace", "explain", "diff", "report"}
    assert "export" in found


@pytest.mark.parametrize("recorded", [True, False])
def test_looking_executes_nothing(
    received: Path, mark: Path, recorded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if not recorded:  # as in a run of an older version
        for name in ("tasks.jsonl", "weights.npz"):
            (received / "theirs" / name).unlink()
    task = RunRecord(received / "theirs").evaluations(seed_program("hybrid").id)[0].items[0].task
    for command in looks():
        arguments = [task if argument == "q" else argument for argument in command]
        code, _, err = invoke(*arguments, "--root", received)
        assert not mark.exists(), command
        if recorded or command[0] != "export":
            assert code == 0, (command, err)
        else:
            assert "evolve run --name theirs" in err, "it says what is missing"
    assert invoke("runs", "--root", received)[0] == 0
    assert not mark.exists()


def test_a_look_shows_what_was_recorded(received: Path) -> None:
    code, out, _ = invoke("explain", "theirs", "--root", received, "--json")
    assert code == 0
    assert json.loads(out)["behaviour"]["evidence"] is not None
    run = RunRecord(received / "theirs")
    item = run.evaluations(seed_program("hybrid").id)[0].items[0]
    data = json.loads(invoke("trace", "theirs", "0", item.task, "--root", received, "--json")[1])
    assert data["question"]
    assert data["answers"]
    assert data["missing"] == ""
    assert any(write["text"] for write in data["writes"])
    (run.path / "tasks.jsonl").unlink()
    data = json.loads(invoke("trace", "theirs", "0", item.task, "--root", received, "--json")[1])
    assert data["question"] is None
    assert "made before evolve recorded questions" in data["missing"]


def test_the_dashboard_executes_nothing(received: Path, mark: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    from evolve.inspection.dashboard import open_dashboard

    open_dashboard(RunRecord(received / "theirs"), 0, pytest.fail).__exit__()
    assert not mark.exists()


@pytest.mark.parametrize(
    "command",
    [["run", "--name", "theirs"], ["bench", "-p", "theirs"], ["bench", "-p", "theirs:0", "--split", "test"]],
)
def test_going_on_needs_trust(received: Path, mark: Path, command: list[str]) -> None:
    code, _, err = invoke(*command, "--root", received, "--sandbox", "process", "--unsafe-local")
    assert code == 2
    assert "execute the file" in err
    assert str(received / "theirs" / "cache" / "b.py") in err
    assert "--trust" in err
    assert not mark.exists()


def test_trust_is_remembered_until_the_file_changes(received: Path, mark: Path) -> None:
    command = ["run", "--name", "theirs", "--root", received, "--unsafe-local", "--plain"]
    assert invoke(*command, "--trust")[0] == 0
    assert mark.exists()
    assert invoke(*command)[0] == 0
    mark.unlink()
    file = received / "theirs" / "cache" / "b.py"
    file.write_text(file.read_text() + "\n# changed\n")
    assert invoke(*command)[0] == 2
    assert not mark.exists()


def test_a_run_that_was_made_here_goes_on_without_a_question(made: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made, tmp_path / "runs"))
    code, _, err = invoke("run", "--name", "theirs", "--root", root, "--unsafe-local", "--plain")
    assert code == 0, err


def test_a_run_of_an_older_version_records_its_questions_when_it_goes_on(made: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made, tmp_path / "runs"))
    files = [root / "theirs" / name for name in ("tasks.jsonl", "weights.npz")]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    assert invoke("run", "--name", "theirs", "--root", root, "--unsafe-local", "--plain")[0] == 0
    assert files[0].read_bytes() == before[0]
    assert files[1].is_file()


def test_a_key_is_sent_nowhere_without_trust(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text(
        '[models.task]\nmodel = "openai/m"\napi_base = "http://evil.example"\nkey_env = "AWS_SECRET"\n'
    )
    code, _, err = invoke("run", file, "--root", tmp_path / "runs", "--name", "x")
    assert code == 2
    assert "http://evil.example" in err
    assert "AWS_SECRET" in err
    code, _, err = invoke("bench", file, "-b", "chronicle", "--root", tmp_path / "runs")
    assert code == 2
    assert "AWS_SECRET" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["run", "bench"])
def test_games_of_a_received_folder_are_not_played_without_trust(tmp_path: Path, command: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "alfworld_train.tar.xz").touch()
    if command == "run":
        file = tmp_path / "c.toml"
        file.write_text(f'benchmark = "alfworld"\ndata_dir = "{data}"\n')
        arguments, typed = [file, "--name", "x"], ["--data-dir", data]
    else:
        config = merged(CampaignConfig(), {"benchmark": "alfworld", "data_dir": data})
        with RunDirectory.create_or_open(tmp_path, "theirs", config) as run:
            program = seed_program("lexical")
            run.save_program(program)
            run.append(
                Joined(
                    candidate=Candidate(
                        number=0, program=program.id, objectives={"quality": 0.5, "cost": 1.0, "latency": 0.1}
                    )
                )
            )
        arguments, typed = ["-p", "theirs:0"], ["--data-dir", data]
    code, _, err = invoke(command, *arguments, "--root", tmp_path, "--sandbox", "process")
    assert code == 2
    assert f"play the games in {data}" in err
    assert "--trust" in err
    _, _, err = invoke(command, *arguments, *typed, "--root", tmp_path, "--sandbox", "process")
    assert "--trust" not in err


def test_a_flag_that_names_a_model_does_not_approve_the_address_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('[models.task]\nmodel = "offline"\napi_base = "http://evil.example"\n')
    code, _, err = invoke("run", file, "--model", "openai/m", "--root", tmp_path / "runs", "--name", "x")
    assert code == 2
    assert "http://evil.example" in err


@pytest.mark.parametrize(
    "command",
    [["benchmarks", "show"], ["benchmarks", "fetch"], ["benchmarks", "check"], ["evaluate", "lexical", "-b"]],
)
def test_a_file_in_a_folder_of_data_is_not_executed(command: list[str], tmp_path: Path, mark: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "episodes.jsonl").write_text('{"text": "a"}\n')
    (folder / "questions.jsonl").write_text('{"question": "b", "answer": "a"}\n' * 4)
    (folder / "benchmark.py").write_text(f"open({str(mark)!r}, 'w')\n")
    code, _, err = invoke(*command, folder)
    assert code == 2
    assert str(folder / "benchmark.py") in err
    assert not mark.exists()
    invoke(*command, folder / "benchmark.py")
    assert mark.exists(), "a file that is typed is approved"


def test_what_is_executed_is_the_file_that_was_approved(tmp_path: Path, mark: Path) -> None:
    """Not the bytecode beside it, which Python would take for it without a look at the file."""
    file, other = tmp_path / "mine.py", tmp_path / "other.py"
    file.write_text(SMALL.read_text().replace("small(", "mine("))
    other.write_text(f"{file.read_text()}\nopen({str(mark)!r}, 'w')\n")
    cached = importlib.util.cache_from_source(str(file))
    py_compile.compile(
        str(other), cfile=cached, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    assert invoke("benchmarks", "show", file)[0] == 0
    assert not mark.exists()


def test_a_typed_file_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SMALL.read_text().replace("small(", "mine("))
    assert invoke("benchmarks", "show", file)[0] == 0
    assert len(list(Approvals.of_user().folder.iterdir())) > 0
    toml = tmp_path / "c.toml"
    toml.write_text(f'benchmark = "{file}"\nbudget = 0\nseeds = ["lexical"]\n[evaluation]\ntest = 0\n')
    code, _, err = invoke(
        "run", toml, "--root", tmp_path / "runs", "--name", "x", "--sandbox", "process", "--plain"
    )
    assert code == 0, err


OWN = merged(CampaignConfig(), {"sandbox.backend": "process", "seeds": ("lexical",)})


def test_a_bare_process_runs_what_stands_in_a_run_only_if_allowed(tmp_path: Path, mark: Path) -> None:
    run = tmp_path / "runs" / "theirs"
    (run / "programs").mkdir(parents=True)
    assert is_trusted(OWN, programs_of(run))
    lexical = seed_program("lexical")
    (run / "programs" / f"{lexical.id}.py").write_text(lexical.source)
    assert is_trusted(OWN, programs_of(run))
    hostile = MemoryProgram(f"open({str(mark)!r}, 'w')\n{lexical.source}")
    (run / "programs" / f"{hostile.id}.py").write_text(hostile.source)
    assert not is_trusted(OWN, programs_of(run))
    with pytest.raises(UsageError, match="--unsafe-local"):
        build(OWN, root=run.parent, name="theirs", unsafe_local=False, notify=lambda _: None)


def test_a_program_that_only_the_journal_names_counts(made: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(made, tmp_path / "runs")) / "theirs"
    other = "0" * 12
    journal = run / "journal.jsonl"
    journal.write_text(journal.read_text().replace(seed_program("hybrid").id, other))
    for path in (run / "programs").iterdir():
        path.unlink()
    assert programs_of(run) == {other}
    assert not is_trusted(OWN, programs_of(run))
