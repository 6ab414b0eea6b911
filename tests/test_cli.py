"""The command line: exit codes, messages, what is imported, and whole campaigns on a tiny benchmark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve.search
from evolve import resources
from evolve.cli import app
from evolve.cli.app import ended_as_by_ctrl_c, invocation
from evolve.errors import InfrastructureError
from evolve.results import Run

SEED = resources.folder("seeds") / "lexical.py"
BENCHMARK = '''
"""A benchmark for tests."""
from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

THINGS = ("bicycle", "piano", "garden", "violin", "telescope", "canoe", "kettle", "lantern")

@benchmark
def tiny(data_dir, *, scope: str = "pooled"):
    """Who owns what."""
    episodes, tasks = [], []
    for number, thing in enumerate(THINGS):
        line = f"Person{number}: I bought a {thing} in town."
        episodes.append(Episode(id=f"e{number}", text=f"Monday\\n{line}\\nPerson9: Nice weather."))
        evidence = (Evidence(episode=f"e{number}", text=line),)
        tasks.append(Task(id=f"q{number}", question=f"Who bought a {thing}?", answers=(f"Person{number}",),
                          evidence=evidence, category="owner"))
    return Benchmark(name="tiny", episodes=tuple(episodes), validation=tuple(tasks[:5]),
                     test=tuple(tasks[5:]), scope=scope)
'''

runner = CliRunner()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(BENCHMARK)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def invoke(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


def spawn(*arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "evolve", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **pipes, **options)  # type: ignore[call-overload]


def campaign(root: Path, tiny: Path, *more: object) -> list[object]:
    flags = ["--sandbox", "process", "--seeds", "lexical,hybrid", "--static", "4", "--rotating", "2"]
    return ["run", "--root", root, "--benchmark", tiny, *flags, "--budget", "2", *more]


def test_a_campaign_from_run_to_diff(root: Path, tiny: Path) -> None:
    code, out, err = invoke(*campaign(root, tiny))
    assert code == 0, err
    assert "\x1b" not in out
    assert "#0 lexical: " in out
    assert "[2/2] " in out
    assert "Front of tiny" in out
    assert "evolve show tiny" in out
    journal = root / "tiny" / "journal.jsonl"
    recorded = journal.read_text().count('"joined"')
    programs = set((root / "tiny" / "programs").iterdir())

    code, out, err = invoke(*campaign(root, tiny))
    assert code == 2, "what stands in a run directory may be anybody's"
    assert "add --unsafe-local" in err
    code, out, err = invoke(*campaign(root, tiny, "--unsafe-local"))
    assert code == 0, err
    assert "The campaign resumes" in out
    assert journal.read_text().count('"joined"') == recorded
    assert set((root / "tiny" / "programs").iterdir()) == programs

    flags = ["--budget", 3, "--sandbox", "process", "--unsafe-local"]
    code, out, _ = invoke("run", "--root", root, "--name", "tiny", *flags)
    assert code == 0
    assert "[3/3] " in out, "what is left out keeps its recorded value"

    rows = json.loads(invoke("runs", "--root", root, "--json")[1])
    assert [(row["name"], row["children"], row["state"]) for row in rows] == [("tiny", 3, "budget")]
    front = json.loads(invoke("front", "tiny", "--root", root, "--json")[1])
    best = json.loads(invoke("show", "tiny", "--root", root, "--json")[1])
    assert best["number"] == front["front"][0]["number"]
    assert Path(best["path"]).is_file()
    code, out, _ = invoke("show", "tiny", "0", "--root", root)
    assert code == 0
    assert "#0 lexical of run tiny" in out
    children = [event["candidate"] for event in _events(journal, "joined") if event["candidate"]["parents"]]
    if children:
        code, out, _ = invoke(
            "diff", "tiny", children[0]["parents"][0], children[0]["number"], "--root", root
        )
        assert code == 0
        assert "+++" in out
    code, out, _ = invoke("diff", "tiny", 0, 0, "--root", root, "--json")
    assert (code, json.loads(out)) == (0, [])


def _events(journal: Path, kind: str) -> list[dict]:
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return [event for event in events if event["type"] == kind]


def test_a_changed_configuration_is_refused(root: Path, tiny: Path) -> None:
    least = ["--seeds", "lexical", "--budget", 0, "--test", 0]
    assert invoke(*campaign(root, tiny, *least))[0] == 0
    before = (root / "tiny" / "journal.jsonl").read_bytes()
    code, out, err = invoke(*campaign(root, tiny, *least, "--seed", 5))
    assert (code, out) == (2, "")
    assert "seed: 0 recorded, 5 given" in err
    assert (root / "tiny" / "journal.jsonl").read_bytes() == before


def test_configuration_file_and_flags(root: Path, tiny: Path) -> None:
    file = tiny.with_name("campaign.toml")
    file.write_text(
        f'benchmark = "{tiny}"\nseeds = ["lexical", "hybrid"]\nbudget = 9\n'
        '[evaluation]\nstatic = 3\n[sandbox]\nbackend = "process"\n'
    )
    command = ["run", file, "--root", root, "--name", "named", "--budget", 0]
    code, _, err = invoke(*command)
    assert code == 2
    assert f"execute the file {tiny}" in err
    assert not root.exists()
    code, _, err = invoke(*command, "--trust")
    assert code == 0, err
    config = (root / "named" / "config.toml").read_text()
    assert "budget = 0" in config
    assert "static = 3" in config
    code, _, err = invoke(*command, "-o", "scope=grouped")
    assert code == 2
    assert "benchmark_options: {} recorded, {'scope': 'grouped'} given" in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--benchmark", "nope"], "There is no benchmark called 'nope'"),
        (["--benchmark", "locomo", "--data-dir", "/nowhere"], "locomo10.json"),
        (["--seeds", "nope"], "'nope'"),
        (["--seeds", "lexical,lexical"], "given more than once: lexical"),
        (["--objectives", "cost"], "quality must be among"),
        (["--objectives", "quality,speed"], "search.objectives.1: found 'speed'"),
        (["--metric", "nope"], "evaluation.metric: found 'nope'"),
        (["--max-seconds", "0"], "max_seconds: found 0.0"),
        (["-o", "scope"], "expected KEY=VALUE"),
        (["-o", "colour=red"], "has no option 'colour'"),
        (["--name", "a/b"], "cannot be the name of a run"),
        (["--budget", "-1"], "--budget"),
        (["--selection", "best"], "best"),
        (["nope.toml"], "no configuration file at nope.toml"),
        (["bad.toml"], "buget: unknown key, did you mean budget?"),
        (["--nope"], "--nope"),
    ],
)
def test_usage_errors_leave_nothing_behind(
    arguments: list[str], expected: str, root: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    Path("bad.toml").write_text("buget = 3\n")
    given = [] if "--benchmark" in arguments else ["--benchmark", str(tiny)]
    code, out, err = invoke("run", *given, *arguments, "--root", root, "--sandbox", "process")
    assert code == 2, err
    assert expected in err
    assert "Traceback" not in err
    assert out == ""
    assert not root.exists()


def test_evaluate(tiny: Path) -> None:
    code, out, err = invoke("evaluate", "lexical", "--benchmark", tiny, "--sandbox", "process")
    assert code == 0, err
    assert "static: 5 tasks" in out
    flags = ["--benchmark", tiny, "--sandbox", "process", "--split", "test", "--json"]
    code, out, err = invoke("evaluate", "lexical", *flags)
    data = json.loads(out)
    assert (data["subset"], data["tasks"], data["status"], len(data["items"])) == ("test", 3, "complete", 3)
    assert data["categories"] == {"owner": data["quality"]["mean"]}


def test_a_program_of_ones_own_needs_a_sandbox_or_a_word(tiny: Path) -> None:
    program = tiny.with_name("mine.py")
    program.write_text(
        SEED.read_text().replace("def read(self, query):", "def read(self, query):\n        1 / 0")
    )
    command = ["evaluate", program, "--benchmark", tiny, "--sandbox", "process"]
    code, _, err = invoke(*command)
    assert code == 2
    assert "--unsafe-local" in err
    code, out, err = invoke(*command, "--unsafe-local", "--json")
    assert code == 1, "the program failed"
    assert json.loads(out)["failure"]["kind"] == "exception"
    code, out, err = invoke("check", program, "--sandbox", "process", "--unsafe-local")
    assert (code, out) == (1, "")
    assert "failed in read" in err
    assert "ZeroDivisionError" in err


def test_check_a_good_program() -> None:
    code, out, err = invoke("check", "lexical", "--sandbox", "process")
    assert code == 0, err
    assert "keeps the contract and runs (isolation: process)" in out


def test_check_warns_of_what_only_some_runs_would_meet(tmp_path: Path) -> None:
    program = tmp_path / "typo.py"
    last = "return self._pack(scores)"
    broken = f"if scores is None:\n            return self._pak(scores)\n        {last}"
    program.write_text(SEED.read_text().replace(last, broken, 1))
    code, out, err = invoke("check", program, "--sandbox", "process", "--unsafe-local")
    assert code == 0, err
    assert "keeps the contract and runs" in out
    assert "warning: line" in err
    assert "`self` has no attribute `_pak`; did you mean `self._pack`" in err


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("def read(self, query):", "def read(self, query:", "syntax error"),
        ("from dataclasses", "import socket\nfrom dataclasses", "import of 'socket' is not allowed"),
        ("ALWAYS_ON_KNOWLEDGE = ", "SOMETHING_ELSE = ", "ALWAYS_ON_KNOWLEDGE is missing"),
    ],
)
def test_check_says_what_breaks_the_contract(tmp_path: Path, before: str, after: str, expected: str) -> None:
    program = tmp_path / "broken.py"
    program.write_text(SEED.read_text().replace(before, after, 1))
    code, out, err = invoke("check", program)
    assert (code, out) == (1, "")
    assert expected in err
    assert err.startswith(f"error: {program} breaks the contract")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["front", "nope"], "no run called 'nope'"),
        (["show", "nope"], "no run called 'nope'"),
        (["diff", "nope", "0", "1"], "no run called 'nope'"),
        (["check", "nope"], "There is no program 'nope'"),
        (["check", "nope.py"], "There is no program at nope.py"),
        (["evaluate", "lexical", "--benchmark", "nope"], "There is no benchmark called 'nope'"),
        (["benchmarks", "show", "nope"], "There is no benchmark called 'nope'"),
    ],
)
def test_what_is_not_there(arguments: list[str], expected: str) -> None:
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert expected in err


def test_listings() -> None:
    for command in ("benchmarks", "seeds", "runs"):
        assert isinstance(json.loads(invoke(command, "--json")[1]), list)
        assert invoke(command)[0] == 0
    code, out, _ = invoke("benchmarks", "show", "chronicle", "--json")
    assert (code, json.loads(out)["available"]) == (0, True)
    code, out, _ = invoke("doctor", "--json")
    assert (code, json.loads(out)["intact"]) == (0, True)


@pytest.mark.parametrize(
    ("error", "code"), [(InfrastructureError("no engine"), 1), (KeyboardInterrupt(), 130)]
)
def test_what_ends_a_campaign(
    error: BaseException, code: int, root: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(evolve.search, "build", broken)
    result = invoke(*campaign(root, tiny))
    assert result[0] == code
    assert ("no engine" if code == 1 else "the same command resumes from here") in result[2]


@pytest.fixture
def in_front() -> Iterator[None]:
    """As at a terminal: what a shell runs in the background ignores Ctrl-C, with all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("in_front")
@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)])
def test_ended_and_resumed(sent: signal.Signals, root: Path, tiny: Path) -> None:
    command = [*campaign(root, tiny), "--budget", 200]
    process = spawn(*command)
    journal = root / "tiny" / "journal.jsonl"
    _wait(lambda: journal.is_file() and journal.read_text().count('"joined"') >= 3, process)
    process.send_signal(sent)
    _, err = process.communicate(timeout=300)
    if sent == signal.SIGINT:
        assert process.returncode == 130, err
        assert "the same command resumes from here" in err
        assert "Traceback" not in err
    joined = _events(journal, "joined")
    paid = {path: path.stat().st_mtime_ns for path in (root / "tiny" / "evaluations").glob("*.json")}
    assert len(paid) >= len(joined)
    code, _, err = invoke(*campaign(root, tiny, "--unsafe-local"), "--budget", 3)
    assert code == 0, err
    assert _events(journal, "joined")[: len(joined)] == joined
    assert {path: path.stat().st_mtime_ns for path in paid} == paid, "what was evaluated is not repeated"


@pytest.mark.usefixtures("in_front")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_was_lost_comes_again(sent: signal.Signals) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with ended_as_by_ctrl_c() as check:
        check()
        with suppress(KeyboardInterrupt):  # as a finalizer does
            signal.raise_signal(sent)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.usefixtures("in_front")
def test_what_does_not_close_in_time_is_ended() -> None:
    ended: list[int] = []
    gone = threading.Event()

    def end(code: int) -> None:
        ended.append(code)
        gone.set()

    with ended_as_by_ctrl_c(seconds=0.01, end=end):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert gone.wait(60)
    assert ended == [130]


@pytest.mark.usefixtures("in_front")
@pytest.mark.parametrize("interrupted", [True, False])
def test_what_closes_in_time_is_not_ended(interrupted: bool) -> None:
    ended: list[int] = []
    with suppress(KeyboardInterrupt), ended_as_by_ctrl_c(seconds=600, end=ended.append):
        if interrupted:
            signal.raise_signal(signal.SIGINT)
    waiting = [thread for thread in threading.enumerate() if thread.name == "end"]
    for thread in waiting:
        thread.join(60)
    assert ended == []


def test_who_runs_in_the_background_is_not_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_as_by_ctrl_c() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)


def _wait(condition: object, process: subprocess.Popen[str]) -> None:
    assert callable(condition)
    for _ in range(12_000):  # a busy machine takes minutes to begin
        if condition():
            return
        if process.poll() is not None:
            pytest.fail(f"the process ended: {process.communicate()}")
        time.sleep(0.05)
    process.kill()
    pytest.fail("nothing happened")


def test_exit_codes_of_the_real_command(tmp_path: Path) -> None:
    installed = str(Path(evolve.campaign.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": installed, "XDG_CACHE_HOME": str(tmp_path)}
    for arguments, code in (
        (["--help"], 0),
        (["front", "nope"], 2),
        (["check", "nope.py"], 2),
        (["nope"], 2),
    ):
        process = spawn(*arguments, cwd=tmp_path, env=environment)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from evolve.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'docker', 'litellm', 'optuna', 'numpy', 'joblib', 'requests'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "Usage: evolve" in process.stdout


def test_what_to_type_next_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "evolve"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert invocation(str(program)) == "bin/evolve"
    monkeypatch.setenv("PATH", str(program.parent))
    assert invocation(str(program)) == "evolve"
    monkeypatch.chdir(program.parent.parent.parent)
    monkeypatch.setenv("PATH", "/nowhere")
    assert Path(invocation(str(program))).samefile(program)
    assert invocation("/usr/lib/evolve/__main__.py") == f"{sys.executable} -m evolve"


def test_a_search_begins_with_programs_of_another_run(root: Path, tiny: Path) -> None:
    assert invoke(*campaign(root, tiny, "--name", "first"))[0] == 0
    best = Run.open(root, "first").best
    least = ["--sandbox", "process", "--unsafe-local", "--static", "4", "--budget", "0", "--test", "0"]
    begin = ["run", "--root", root, "--benchmark", tiny, *least]
    code, _, err = invoke(*begin, "--name", "second", "--programs", f"first:{best.number},first,lexical")
    assert code == 2
    assert "given more than once" in err
    code, _, err = invoke(*begin, "--name", "second", "--programs", "first:1,first:0")
    assert code == 0, err
    second = Run.open(root, "second")
    first = Run.open(root, "first")
    assert [c.program for c in second.candidates] == [first.candidate(n).program for n in (1, 0)]
    code, _, err = invoke(*begin, "--name", "third", "--programs", "first")
    assert code == 0, err
    assert Run.open(root, "third").best.program == best.program
