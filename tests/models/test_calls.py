"""The record of calls, and their sums."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.config import RoleConfig
from evolve.errors import InfrastructureError, UsageError
from evolve.models.calls import Call, CallFile, read_calls
from evolve.models.gateway import Gateway
from evolve.models.usage_totals import UsageTotals
from tests.server.server import ModelServer

calls = st.builds(
    Call,
    at=st.floats(0, 1e10),
    role=st.sampled_from(["task", "judge"]),
    cause=st.sampled_from(["answer", "judge"]),
    model=st.sampled_from(["a", "b"]),
    candidate=st.none() | st.integers(0, 3),
    tokens_in=st.integers(0, 1000),
    tokens_out=st.integers(0, 1000),
    usd=st.none() | st.floats(0, 1),
    attempts=st.integers(0, 5),
    cached=st.booleans(),
    outcome=st.sampled_from(["ok", "truncated", "cancelled"]),
)
CALL = Call(at=1.5, role="task", cause="answer", model="m", tokens_in=3, tokens_out=2, usd=0.25, attempts=1)


@given(st.lists(calls, max_size=20))
def test_every_breakdown_adds_up_to_the_total(made: list[Call]) -> None:
    accounts = UsageTotals(made).accounts()
    for table in (accounts.roles, accounts.causes, accounts.candidates, accounts.models):
        for field in ("calls", "tokens_in", "tokens_out", "unpriced"):
            parts = sum(getattr(account.usage, field) for account in table.values())
            assert parts == getattr(accounts.total.usage, field)
        assert sum(a.usage.usd for a in table.values()) == pytest.approx(accounts.total.usage.usd)
        assert sum(account.cached for account in table.values()) == accounts.total.cached
    assert accounts.total.usage.calls + accounts.total.cached == len(made)


@given(calls)
def test_a_call_is_read_as_it_was_written(call: Call) -> None:
    assert Call.model_validate_json(call.model_dump_json()) == call


def test_the_past_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "calls.jsonl"
    first = CallFile(path)
    assert first.past() == []
    first.append(CALL)
    first.append(CALL)
    first.close()
    first.close()
    assert CallFile(path).past() == [CALL, CALL]


@pytest.mark.parametrize("torn", [b'{"at": 1.5, "ro', b"\xff", CALL.model_dump_json().encode()])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "calls.jsonl"
    whole = CALL.model_dump_json().encode() + b"\n"
    path.write_bytes(whole + torn)
    record = CallFile(path)
    assert record.past() == [CALL]
    record.append(CALL)
    assert path.read_bytes() == whole * 2


@pytest.mark.parametrize("line", [b"nonsense", b"{}", b""])
def test_damage_is_said_with_its_line_and_nothing_is_changed(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "calls.jsonl"
    data = CALL.model_dump_json().encode() + b"\n" + line + b"\n" + b"torn"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"Line 2 of .*Restore it"):
        CallFile(path)
    assert path.read_bytes() == data


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calls.jsonl"
    record = CallFile(path)
    record.append(CALL)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
        with pytest.raises(InfrastructureError, match="could not be written"):
            record.append(CALL)
    record.append(CALL)
    assert read_calls(path)[0] == [CALL, CALL]


RUNS_UNTIL_KILLED = """
import sys, pathlib
from evolve.config import RoleConfig
from evolve.models.calls import CallFile
from evolve.models.chat import ChatRequest
from evolve.models.gateway import Gateway
path, url = sys.argv[1:]
with Gateway(calls=CallFile(pathlib.Path(path)), concurrency=4) as gateway:
    model = gateway.chat("task", RoleConfig(model="openai/task", api_base=url, key_env="EVOLVE_TEST_KEY"))
    for n in range(10_000):
        asked = [ChatRequest(({"role": "user", "content": f"{n} {i}"},), "answer") for i in range(4)]
        model.ask_all(asked)
        print(n, flush=True)
"""


@pytest.mark.slow
def test_a_killed_process_resumes_with_the_sums_of_what_it_had_spent(
    model_server: ModelServer, role_config: Callable[..., RoleConfig], tmp_path: Path
) -> None:
    model_server.script("task", "fine")
    path = tmp_path / "calls.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS_UNTIL_KILLED, str(path), model_server.url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    done = 0
    for _ in range(5):
        done = int(process.stdout.readline()) + 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    with Gateway(calls=CallFile(path)) as gateway:
        usage = gateway.accounts().total.usage
    served = model_server.totals()
    assert done * 4 <= usage.calls <= served.requests
    assert served.tokens_in - usage.tokens_in <= 4 * 3  # those in flight when it was killed
