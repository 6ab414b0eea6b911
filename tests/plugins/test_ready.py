"""Branches that are opened before the read that needs them, and texts that are stored together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolve
from evolve.errors import ProgramError, UsageError
from evolve.plugins import Memory
from evolve.plugins.ready import ReadySession
from evolve.records import Fields, Usage
from evolve.sandboxes.protocol import Outcome

Opened = Callable[..., Memory]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def opened(bind: Callable[..., Path], home: Path) -> Opened:
    folder = bind()
    return lambda **more: evolve.load(folder, path=home, trust=True, **more)


class CountingSession:
    """Keeps what was written, and how often it was read in the branch that is open."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reads = 0
        self.calls: list[str] = []

    def write(self, item: Fields, raw_text: str) -> Outcome:
        self.calls.append("write")
        self.texts.append(raw_text)
        return Outcome(text="", seconds=0.0, usage=Usage())

    def read(self, query: Fields) -> Outcome:
        self.calls.append("read")
        self.reads += 1
        if query.get("fail"):
            raise ProgramError("exception", "it failed")
        return Outcome(text=f"{self.reads}: {' '.join(self.texts)}", seconds=0.0, usage=Usage())

    def observe(self, step: Fields) -> Outcome:
        raise AssertionError("no task here is acted out")

    @contextmanager
    def branch(self) -> Iterator[None]:
        self.calls.append("branch")
        before = self.reads, list(self.texts)
        try:
            yield
        finally:
            self.reads, self.texts = before
            self.calls.append("drop")

    def close(self) -> None:
        self.calls.append("close")

    def __enter__(self) -> CountingSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def test_the_next_read_finds_its_branch_open() -> None:
    inner = CountingSession()
    session = ReadySession(inner)
    session.read({})
    session.get_ready()
    assert inner.calls == ["branch", "read", "drop", "branch"]
    session.read({})
    assert inner.calls[4:] == ["read", "drop"]


def test_many_writes_make_no_copies() -> None:
    inner = CountingSession()
    session = ReadySession(inner)
    session.read({})
    for text in "abc":
        session.write({}, text)
        session.get_ready(after_write=True)
    assert inner.calls.count("branch") == 2  # the read's, and one after the first write


@given(st.lists(st.sampled_from(["read", "fail", "write"]), max_size=12))
def test_in_any_order_a_read_sees_all_writes_and_no_other_read(calls: list[str]) -> None:
    session = ReadySession(CountingSession())
    written = 0
    for call in calls:
        if call == "write":
            session.write({}, "x")
            written += 1
        elif call == "fail":
            with pytest.raises(ProgramError):
                session.read({"fail": "yes"})
        else:
            assert session.read({}) == f"1: {' '.join('x' * written)}"
        session.get_ready(after_write=call == "write")
    session.close()


def test_reads_and_writes_in_turn_are_those_of_a_new_memory(opened: Opened) -> None:
    with opened() as memory:
        expected = ""
        for number in range(4):
            memory.remember(f"text {number}")
            expected = "read 1: " + " | ".join(f"text {n}" for n in range(number + 1))
            assert [memory.recall("what?") for _ in range(number)] == [expected] * number
        with pytest.raises(ProgramError, match="ended"):
            memory.recall("crash?")
        assert memory.recall("what?") == expected


def test_many_texts_are_stored_together(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        ids = memory.remember_many(["two", "three"], at=["2026-05-02", "2026-05-03"])
        assert memory.remember_many([]) == ()
        assert [text.id for text in memory.list()][1:] == list(ids)
        assert [text.at[:10] for text in memory.list()][1:] == ["2026-05-02", "2026-05-03"]
    with opened() as memory:
        assert memory.recall("what?") == "read 1: one | two | three"


def test_after_an_error_none_of_them_is_stored(opened: Opened, home: Path) -> None:
    with opened() as memory:
        memory.remember("one", id="a")
        with pytest.raises(ProgramError):
            memory.remember_many(["two", "refuse this", "three"])
        with pytest.raises(UsageError, match="There is a text"):
            memory.remember_many(["two", "three"], ids=["b", "b"])
        with pytest.raises(UsageError, match="list of 2"):
            memory.remember_many(["two", "three"], ids=["b"])
        with pytest.raises(UsageError, match="list of texts"):
            memory.remember_many("two")
        assert memory.recall("what?") == "read 1: one"
    assert (home / "journal.jsonl").read_bytes().count(b"\n") == 2


KEEP = """
        import os, tempfile, threading
        place = os.path.join(tempfile.gettempdir(), "asked")
        found = open(place).read() if os.path.exists(place) else ""
        found += getattr(type(self), "asked", "") + os.environ.get("ASKED", "")
        with open(place, "a") as file:
            file.write(query.question)
        type(self).asked = os.environ["ASKED"] = query.question
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        if os.fork() == 0:
            threading.Event().wait(60)
        return f"{len(self.lines)} {found or 'nothing'}"
"""
"""A read that keeps its question wherever it can, and starts what could tell it to the next."""


def test_a_read_leaves_no_trace_for_the_next_one_whose_branch_is_opened_in_advance(
    bind: Callable[..., Path], home: Path, notebook: str
) -> None:
    source = notebook.replace("        self.reads += 1\n", KEEP)
    assert source != notebook
    with evolve.load(bind(source), path=home, trust=True) as memory:
        for number in range(3):
            assert memory.recall("The first secret?") == f"{number} nothing"
            assert memory.recall("Another one?") == f"{number} nothing"
            memory.remember("text")
