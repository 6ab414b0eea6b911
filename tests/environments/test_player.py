from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from evolve.environments.player import Player
from evolve.errors import InfrastructureError

ECHO = 'handlers = {"echo": lambda request: {"text": request["text"]}}'
PID = 'handlers = {"pid": lambda _: {"pid": os.getpid(), "at": os.getcwd()}, '


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_it_answers(player):
    it = player(ECHO)
    for text in ("a", "ünï\u2028code\n", "x" * 500_000):
        assert it.ask({"do": "echo", "text": text}, 20) == {"text": text}


def test_what_it_prints_is_no_reply(player):
    it = player('handlers = {"talk": lambda _: (print("hello"), os.system("echo there"), {"ok": 1})[-1]}')
    assert it.ask({"do": "talk"}, 20) == {"ok": 1}


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ('"fail": lambda _: 1 / 0}', r"failed: ZeroDivisionError.*Mend it"),
        ('"fail": lambda _: os.abort()}', r"died \(it was killed by SIGABRT\).*Mend it"),
        (
            '"fail": lambda _: (os.write(2, b"no more memory"), os._exit(3))}',
            r"died \(it exited with status 3\).*no more",
        ),
        ('"fail": lambda _: time.sleep(60)}', r"did not answer within 1 s and was killed"),
        ('"fail": lambda _: [1]}', r"no reply \(a list"),
        ("}", r"failed: KeyError"),
    ],
)
def test_whatever_goes_wrong_nothing_is_left(player, does, message):
    it = player(PID + does)
    known = it.ask({"do": "pid"}, 20)
    with pytest.raises(InfrastructureError, match=message):
        it.ask({"do": "fail"}, 1 if "sleep" in does else 60)
    assert is_gone(known["pid"])
    assert not Path(known["at"]).exists()
    with pytest.raises(InfrastructureError, match="closed before"):
        it.ask({"do": "pid"}, 1)


def test_a_flood_is_cut_off(player, monkeypatch):
    monkeypatch.setattr("evolve.environments.player.REPLY_BYTES", 1000)
    it = player('handlers = {"flood": lambda _: {"text": "x" * 3_000_000}}')
    with pytest.raises(InfrastructureError, match="more than 1000 bytes"):
        it.ask({"do": "flood"}, 20)


def test_its_children_end_with_it(player):
    it = player('handlers = {"child": lambda _: {"pid": subprocess.Popen(["sleep", "100"]).pid}}')
    child = it.ask({"do": "child"}, 20)["pid"]
    it.close()
    it.close()
    assert is_gone(child)


def test_it_ends_with_its_host(script):
    host = (
        "import os, sys\nfrom evolve.environments.player import Player\n"
        f"it = Player('x', {script(PID + '}')!r})\n"
        "print(it.ask({'do': 'pid'}, 20)['pid'], flush=True)\nos.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", host], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert is_gone(int(ended.stdout))


def test_it_sees_no_key(player, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    it = player('handlers = {"see": lambda _: {"variables": sorted(os.environ)}}')
    seen = it.ask({"do": "see"}, 20)["variables"]
    assert "OPENAI_API_KEY" not in seen
    assert "HOME" in seen


def test_what_cannot_be_started_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InfrastructureError, match=r"could not be started.*Install it"):
        Player("The game", [str(tmp_path / "none")], remedy="Install it.")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
