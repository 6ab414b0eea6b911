"""Texts that are forgotten or corrected: the program, the disk, and a process that is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.errors import ProgramError, UsageError
from evolve.models.offline import ExtractiveModel
from evolve.plugins import Memory
from evolve.plugins.folder import REPLIES
from evolve.records import Completion, Usage

Opened = Callable[..., Memory]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def opened(bind: Callable[..., Path], home: Path, inline: object) -> Opened:
    folder = bind()
    return lambda plugin=folder, **more: evolve.load(plugin, path=home, sandbox="inline", **more)


def places(folder: Path, word: str) -> list[str]:
    """Files below ``folder`` that have ``word`` in their bytes or name."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if word.encode() in path.name.encode() or (path.is_file() and word.encode() in path.read_bytes())
    ]


def test_a_forgotten_text_is_in_neither_the_program_nor_the_files(opened: Opened, home: Path) -> None:
    with opened(usage_log=True) as memory:
        memory.remember("Ada moved.", id="ada")
        secret = memory.remember("The number of the card is qwx4711.")
        memory.remember("Ben has a dog.")
        memory.recall("Is it qwx4711?")
        memory.feedback(memory.answer("Which number?").id, "qwx4711")
        assert len(places(home, "qwx4711")) == 2
        assert memory.forget(secret) == (secret,)
        assert places(home, "qwx4711") == []
        assert places(home, secret) == []
        assert memory.recall("what?") == "read 1: Ada moved. | Ben has a dog."
    with opened() as memory:
        assert memory.recall("what?") == "read 1: Ada moved. | Ben has a dog."
        assert next(text.id for text in memory.list()) == "ada"


def test_many_are_forgotten_by_a_query_in_one_rebuild(opened: Opened) -> None:
    told: list[str] = []
    with opened(notify=told.append) as memory:
        for number in range(6):
            memory.remember(f"Otto the dog, day {number}", id=f"day-{number}")
        memory.remember("Ada moved.")
        assert {text.id for text in memory.search("DOG otto")} == {f"day-{number}" for number in range(6)}
        assert len(memory.forget("day-0", query="dog 3")) == 2
        assert len(memory.forget(query="otto")) == 4
        assert memory.forget(query="otto") == ()
        assert memory.recall("what?") == "read 1: Ada moved."


def test_a_correction_stands_where_the_text_stood(opened: Opened) -> None:
    with opened() as memory:
        for number, text in enumerate(("one", "two", "three")):
            memory.remember(text, id=text, at=f"2026-01-0{number + 1}")
        memory.correct("two", "TWO")
        assert memory.recall("what?") == "read 1: one | TWO | three"
        with pytest.raises(ProgramError, match="not this one"):
            memory.correct("one", "refuse this")
        assert memory.recall("what?") == "read 1: one | TWO | three"
    with opened() as memory:
        assert memory.recall("what?") == "read 1: one | TWO | three"
        assert [text.at[:10] for text in memory.list()] == ["2026-01-01", "2026-01-02", "2026-01-03"]


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda memory: memory.forget("nobody"), "no text with the id 'nobody'"),
        (lambda memory: memory.forget("one", "nobody"), "no text with the id 'nobody'"),
        (lambda memory: memory.correct("nobody", "x"), "no text with the id 'nobody'"),
        (lambda memory: memory.remember("x", id="one"), "There is a text with the id 'one'"),
        (lambda memory: memory.remember("x", id="a\nb"), "printable"),
        (lambda memory: memory.remember("x", at="yesterday"), "expected a datetime"),
        (lambda memory: memory.recall("x", k=0), "k = 0"),
        (lambda memory: memory.feedback("r", "useful"), "usage_log=True"),
    ],
)
def test_a_wrong_call_changes_nothing(call: Callable[[Memory], object], reason: str, opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one", id="one")
        with pytest.raises(UsageError, match=reason):
            call(memory)
        assert memory.recall("what?") == "read 1: one"


def test_a_recall_can_be_cut(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one\ntwo\n\nthree")
        assert memory.recall("what?", k=1) == "read 1: one\ntwo"
        assert memory.recall("what?", characters=14) == "read 1: one"
        assert memory.recall("what?", characters=4) == "read"
        assert memory.stats().recalls == 3


def test_a_journal_of_an_older_version_has_ids_and_they_stay(opened: Opened, home: Path) -> None:
    with opened() as memory:
        memory.remember("one")
        memory.remember("two")
        memory.remember("three")
    journal = home / "journal.jsonl"
    first, *lines = journal.read_text().splitlines()
    old = [line[: line.index(',"id":')] + "}" for line in lines]
    journal.write_text("\n".join([first, *old]) + "\n")
    with opened() as memory:
        assert memory.forget("text-2") == ("text-2",)
    with opened() as memory:
        assert [(text.id, text.text) for text in memory.list()] == [("text-1", "one"), ("text-3", "three")]


def test_what_a_killed_process_left_half_written_goes_too(opened: Opened, home: Path) -> None:
    with opened(usage_log=True) as memory:
        memory.remember("one", id="one")
        memory.remember("qwx4711", id="secret")
        memory.recall("what?")
    for name in ("journal.jsonl", "usage.jsonl"):
        with (home / name).open("ab") as file:
            file.write(b'{"type":"recall","question":"qwx4711')
    for name in (".journal.jsonl.0a.tmp", ".usage.jsonl.0b.tmp"):
        (home / name).write_bytes(b"qwx4711")
    with opened() as memory:
        memory.forget("secret")
        assert places(home, "qwx4711") == []
        assert memory.recall("what?") == "read 1: one"


def test_replies_of_remote_models_are_dropped_with_a_text(opened: Opened, home: Path) -> None:
    from evolve.models.cache import ReplyCache

    with opened() as memory:
        memory.remember("Ada", id="ada")
        cache = ReplyCache(home / REPLIES)
        cache.put({f"key {number}": b"qwx4711" * 1_000 for number in range(50)})
        assert places(home, "qwx4711")
        memory.forget("ada")
        assert places(home, "qwx4711") == []
        cache.put({"key": b"new"})
        assert cache.get("key") == b"new"
        cache.close()


class Repeating(ExtractiveModel):
    """A toolkit model that says what it was given, and fails where it is told to."""

    calls = 0
    fails = False

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        if Repeating.fails:
            raise ProgramError("exception", "no model")
        Repeating.calls += 1
        return Completion(text=f"told {messages[0]['content']}", usage=Usage())


@pytest.fixture
def summarising(bind: Callable[..., Path], notebook: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that asks a model about the last text and the new one."""
    monkeypatch.setattr("evolve.model_set.ExtractiveModel", Repeating)
    Repeating.calls, Repeating.fails = 0, False
    asked = '"content": self.lines[-2][-9:] + "/" + raw_text if len(self.lines) > 1 else raw_text'
    return bind(notebook.replace('"content": raw_text', asked).replace('"summarise"', '""'))


def test_a_model_is_asked_again_only_for_what_depended_on_the_text(
    summarising: Path, opened: Opened, home: Path
) -> None:
    with opened(summarising) as memory:
        for text in ("one", "two", "qwx4711", "four", "five"):
            memory.remember(text, id=text)
        assert "qwx4711" in memory.recall("what?")
        memory.forget("qwx4711")
        assert places(home, "qwx4711") == []
        assert Repeating.calls == 5 + 2, "four and five were told with what came before them"
        before = memory.recall("what?")
    with opened(summarising) as memory:
        assert memory.recall("what?") == before
        assert Repeating.calls == 7


def test_a_text_is_forgotten_even_if_the_others_cannot_be_written_again(
    summarising: Path, opened: Opened, home: Path
) -> None:
    told: list[str] = []
    with opened(summarising, notify=told.append) as memory:
        for text in ("one", "qwx4711", "three"):
            memory.remember(text, id=text)
        Repeating.fails = True
        memory.forget("qwx4711")
        assert "is forgotten, but the others could not" in told[-1]
        assert places(home, "qwx4711") == []
        with pytest.raises(ProgramError, match="no model"):
            memory.recall("what?")
        Repeating.fails = False
        assert "three" in memory.recall("what?")
        assert "qwx4711" not in memory.recall("what?")


def killed_at(step: int, forget: Callable[[], object]) -> bool:
    """Whether a child process that forgets was killed just before it synced for the ``step``-th time."""
    child = os.fork()
    if child == 0:
        real, left = os.fsync, iter(range(step))

        def counted(descriptor: int) -> None:
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            real(descriptor)

        os.fsync = counted
        try:
            forget()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(
    "step", [pytest.param(step, marks=() if step in (2, 5) else pytest.mark.slow) for step in range(7)]
)
def test_a_removal_that_was_killed_is_ended_by_the_next_load(step: int, opened: Opened, home: Path) -> None:
    with opened(usage_log=True) as memory:
        memory.remember("one", id="one")
        memory.remember("qwx4711", id="secret")
        memory.recall("qwx4711?")

    def forget() -> None:
        with opened() as memory:
            memory.forget("secret")

    assert killed_at(step, forget) == (step < 7)
    with opened() as memory:
        begun = not memory.search("qwx4711")
        assert begun == (step > 0), "it holds from the moment that the intent is on disk"
        if begun:
            assert places(home, "qwx4711") == []
        else:
            memory.forget("secret")
        assert memory.recall("what?") == "read 1: one"
        assert places(home, "qwx4711") == []
        assert places(home, "secret") == []


FORGET = """
import sys, evolve
with evolve.load(sys.argv[1], path=sys.argv[2], trust=True, usage_log=True) as memory:
    print("ready", flush=True)
    for text in memory.list():
        memory.forget(text.id)
        print(text.id, flush=True)
"""


def test_a_text_is_forgotten_in_a_real_sandbox(bind: Callable[..., Path], home: Path) -> None:
    with evolve.load(bind(), path=home, trust=True) as memory:
        memory.remember("Ada moved.")
        memory.remember("qwx4711", id="secret")
        memory.forget("secret")
        assert memory.recall("what?") == "read 1: Ada moved."
        assert places(home, "qwx4711") == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_of_a_forgotten_text_is_on_disk_after_a_kill_at_twenty_instants(
    opened: Opened, bind: Callable[..., Path], home: Path
) -> None:
    texts = {f"id{number:03}": f"canary{number:03}qwx told me about it" for number in range(240)}
    with opened(usage_log=True) as memory:
        for ident, text in texts.items():
            memory.remember(text, id=ident)
            memory.recall(f"Who told me, {text.split()[0]}?")
    plugin = next(home.parent.glob("plugin-*"))
    clock, forgotten = random.Random(3), set[str]()
    for _ in range(20):
        command = [sys.executable, "-c", FORGET, str(plugin), str(home)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(clock.randrange(0, 5)):
            forgotten.add(process.stdout.readline().strip())
        time.sleep(clock.uniform(0, 0.05))
        process.kill()
        forgotten.update(process.stdout.read().split())
        process.communicate()
        for ident in forgotten:
            assert places(home, texts[ident].split()[0]) == [], f"{ident} was acknowledged"
        with opened(usage_log=True) as memory:
            left = {text.id for text in memory.list()}
            assert len(texts) - len(left) - len(forgotten) in (0, 1), "at most the one in the making"
            assert not left & forgotten
            forgotten = set(texts) - left
            for ident in forgotten:
                assert places(home, texts[ident].split()[0]) == []
    assert 20 < len(forgotten) < len(texts)
