"""The texts that a program keeps can be looked through, whatever it keeps them in. Part of conformance."""

from __future__ import annotations

from typing import Any

import pytest

from evolve.errors import ProgramError
from evolve.records import Fields
from evolve.sandboxes.protocol import Limits, Sandbox, ShowsStored

ITEM: Fields = {"text": "a fact", "tags": []}


@pytest.mark.parametrize(
    "write",
    [
        "self.notes.append({'key': ({raw_text}, 1)})",
        "self.notes.append(item); item.text = raw_text",
        "toolkit = self.toolkit; toolkit.db.execute('CREATE TABLE \"a b\" (x)'); "
        "toolkit.db.execute('INSERT INTO \"a b\" VALUES (?)', (raw_text,))",
        "toolkit = self.toolkit; toolkit.db.execute('CREATE VIRTUAL TABLE t USING fts5(x)'); "
        "toolkit.db.execute('INSERT INTO t VALUES (?)', (raw_text,))",
        "self.toolkit.chroma.get_or_create_collection('c').add(ids=['1'], documents=[raw_text])",
        "self.toolkit.vectors.add([raw_text], self.toolkit.embed(['x']))",
        "import sqlite3; self.own = sqlite3.connect(':memory:'); self.own.execute('CREATE TABLE t (x)'); "
        "self.own.execute('INSERT INTO t VALUES (?)', (raw_text,)); self.own.row_factory = sqlite3.Row",
    ],
)
def test_a_text_is_found_wherever_it_is_kept(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits, write: str
) -> None:
    with sandbox.open(program(write=write), services, limits) as session:
        assert isinstance(session, ShowsStored)
        with session.branch():
            assert "green tea" not in session.stored()
        session.write(ITEM, "a cup of\ngreen tea")
        with session.branch():
            assert "a cup of green tea" in session.stored().split("\n")


def test_no_method_of_the_program_is_called(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(
        top="""
        class Trap(dict):
            def __getattribute__(self, name): raise ValueError(name)
            def __iter__(self): raise ValueError("iter")
            def values(self): raise ValueError("values")
            def __len__(self): raise ValueError("len")
        """,
        write="self.notes.append(Trap(kept=raw_text)); self.notes.append(self.notes)",
    )
    with sandbox.open(source, services, limits) as session:
        assert isinstance(session, ShowsStored)
        session.write(ITEM, "tea")
        assert "tea" in session.stored().split("\n")


def test_more_than_can_be_shown_is_refused_and_the_session_goes_on(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    with sandbox.open(program(write="self.notes.append(raw_text)"), services, limits) as session:
        assert isinstance(session, ShowsStored)
        session.write(ITEM, "x" * 1_000_000)
        with pytest.raises(ProgramError, match="more text than can be shown") as caught:
            session.stored()
        assert (caught.value.kind, caught.value.fatal) == ("output", False)
        session.write(ITEM, "tea")
