"""What a configuration has this machine execute, contact and send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import locate
from evolve.config import CampaignConfig, merged
from evolve.errors import UsageError
from evolve.trust import Act, Approvals, Gate, acts_of, played_in, typed_acts

CONFIG = CampaignConfig()


def kinds(recorded: bool = False, **changes: Any) -> list[tuple[str, str, str]]:
    overrides = {key.replace("__", "."): value for key, value in changes.items()}
    return [(a.kind, a.subject, a.detail) for a in acts_of(merged(CONFIG, overrides), recorded=recorded)]


def test_packaged_benchmarks_and_programs_have_no_consequences(tmp_path: Path) -> None:
    assert kinds() == []
    assert kinds(recorded=True) == []
    assert kinds(seeds=(str(tmp_path / "mine.py"),), sandbox__backend="process") == []


def test_a_benchmark_file_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = 1\n")
    before = kinds(benchmark=str(file))
    assert [(kind, subject) for kind, subject, _ in before] == [("execute", str(file))]
    file.write_text("x = 2\n")
    assert kinds(benchmark=str(file)) != before


def test_a_benchmark_file_in_a_folder_of_data_is_named(tmp_path: Path) -> None:
    (tmp_path / "episodes.jsonl").touch()
    assert kinds(benchmark=str(tmp_path)) == []
    (tmp_path / "benchmark.py").write_text("1 / 0\n")
    assert kinds(benchmark=str(tmp_path))[0][:2] == ("execute", str(tmp_path / "benchmark.py"))


def test_locating_executes_nothing(tmp_path: Path) -> None:
    (tmp_path / "benchmark.py").write_text("raise SystemExit\n")
    assert locate(str(tmp_path)).code == tmp_path / "benchmark.py"
    assert locate("locomo").code is None
    with pytest.raises(UsageError, match="no benchmark file"):
        locate("/nowhere/else.py")


def test_games_that_a_file_has_played_are_named_by_their_content(tmp_path: Path) -> None:
    """TextWorld evaluates expressions in the grammar of a game: such data are code."""
    data = tmp_path / "alfworld"
    data.mkdir()
    assert kinds(benchmark="alfworld", data_dir=data) == []
    games = data / "alfworld_train.tar.xz"
    games.write_bytes(b"games")
    before = kinds(benchmark="alfworld", data_dir=data)
    assert [act[:2] for act in before] == [("play", str(data))]
    games.write_bytes(b"other games")
    assert kinds(benchmark="alfworld", data_dir=data) != before
    assert kinds(benchmark="chronicle", data_dir=data) == []
    acts = acts_of(merged(CONFIG, {"benchmark": "alfworld", "data_dir": data}), recorded=True)
    assert played_in(acts, tmp_path) == acts, "a folder that is typed is approved"
    assert played_in(acts, tmp_path / "elsewhere") == played_in(acts, None) == []


ROLE = {"model": "openai/m", "api_base": "http://evil.example:80", "key_env": "AWS_SECRET"}


def test_addresses_and_variables_are_named() -> None:
    expected = ("ask", "http://evil.example:80", "the environment variable AWS_SECRET")
    assert kinds(models__task=ROLE) == [expected]
    assert kinds(models__reflectors=[ROLE, ROLE]) == [expected]
    assert kinds(cluster="tcp://host:8786") == [("connect", "tcp://host:8786", "")]
    assert kinds(models__cache="/tmp/replies")[0][:2] == ("write", "/tmp/replies")


@pytest.mark.parametrize("name", ["api_base", "base_url", "anything"])
def test_an_address_among_the_parameters_is_one(name: str) -> None:
    (found,) = kinds(
        models__task={"model": "openai/m", "parameters": {"x": [{name: "https://evil.example"}]}}
    )
    assert found[:2] == ("ask", "https://evil.example")


def test_models_at_their_usual_address_count_where_nobody_named_them() -> None:
    assert kinds(models__task="openai/m") == []
    assert kinds(models__task="openai/m", recorded=True)[0][1] == "the provider of openai/m"


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost:11434", True),
        ("http://[::1]:80", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost@evil.example", False),
        ("http://evil.example\\@localhost", False),
        ("http://10.0.0.3", False),
        ("localhost.evil.example", False),
        ("http://[", False),
    ],
)
def test_a_server_on_this_machine_is_no_stranger(address: str, local: bool) -> None:
    assert (kinds(models__task={"model": "openai/m", "api_base": address}) == []) == local


def test_limits_above_the_defaults_count_in_a_run() -> None:
    assert kinds(sandbox__memory_mb=64_000) == []
    assert kinds(sandbox__memory_mb=64_000, recorded=True) == [("limit", "sandbox.memory_mb", "64000")]
    assert kinds(sandbox__memory_mb=128, recorded=True) == []


ACT, OTHER = Act("connect", "tcp://a:1"), Act("connect", "tcp://b:1")


def test_approvals_are_remembered_one_by_one(tmp_path: Path) -> None:
    approvals = Approvals.of_user({"XDG_STATE_HOME": str(tmp_path)})
    gate = Gate(approvals, command="evolve run --trust")
    with pytest.raises(UsageError, match=r"(?s)tcp://a:1.*evolve run --trust"):
        gate.admit([ACT], source="x.toml")
    Gate(approvals, trust=True).admit([ACT], source="x.toml")
    gate.admit([ACT], source="x.toml")
    with pytest.raises(UsageError, match="tcp://b:1") as raised:
        gate.admit([ACT, OTHER], source="x.toml")
    assert "tcp://a:1" not in str(raised.value)
    gate.admit([OTHER], typed=[OTHER], source="x.toml")
    assert approvals.knows(OTHER)
    assert all(
        path.parent == tmp_path / "evolve" / "approved" for path in tmp_path.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_user_is_asked(answer: bool, tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return answer

    gate = Gate(Approvals(tmp_path / "approved"), ask=ask)
    for _ in range(2):
        if answer:
            gate.admit([ACT], source="x.toml")
        else:
            with pytest.raises(UsageError, match="Not approved"):
                gate.admit([ACT], source="x.toml")
    assert len(asked) == (1 if answer else 2)
    assert "tcp://a:1" in asked[0]


def test_an_approval_that_cannot_be_kept_holds_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said: list[str] = []
    Gate(Approvals(tmp_path / "file" / "x"), trust=True, notify=said.append).admit([ACT], source="x")
    assert "this command only" in said[0]


def test_a_proposer_command_is_an_act_that_says_where_it_runs() -> None:
    command: dict[str, Any] = {"search__proposer": "command", "search__proposer_command": "mine {workdir}"}
    assert kinds(search__proposer_command="mine {workdir}") == []
    (sandboxed,) = kinds(**command)
    (here,) = kinds(**command, search__proposer_unsandboxed=True)
    assert sandboxed == ("command", "mine {workdir}", "in the sandbox, with the text files that it names")
    assert here[:2] == sandboxed[:2]
    said = str(Act(*here))
    assert said == "run the command 'mine {workdir}' for each candidate, with your rights, keys and network"


def test_a_command_that_is_typed_for_the_sandbox_is_not_approved_for_the_host() -> None:
    typed = typed_acts({"search.proposer": "command", "search.proposer_command": "mine"})
    received = merged(
        CONFIG,
        {
            "search.proposer": "command",
            "search.proposer_command": "mine",
            "search.proposer_unsandboxed": True,
        },
    )
    assert [act for act in acts_of(received, recorded=False) if act not in typed]


def test_each_of_several_benchmarks_is_asked_about(tmp_path: Path) -> None:
    files = [tmp_path / "one.py", tmp_path / "two.py"]
    for file in files:
        file.write_text("raise SystemExit\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "benchmark.py").write_text("raise SystemExit\n")
    text = f"chronicle,{files[0]},{files[1]},{tmp_path / 'folder'}"
    assert [subject for _, subject, _ in kinds(benchmark=text)] == [
        *map(str, files),
        str(tmp_path / "folder" / "benchmark.py"),
    ]
    typed = [act.subject for act in typed_acts({"benchmark": text}) if act.kind == "execute"]
    assert typed == [str(file) for file in files], "the name of a folder does not approve code in it"
