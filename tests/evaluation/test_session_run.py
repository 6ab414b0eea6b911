from __future__ import annotations

from contextlib import contextmanager

import pytest

from evolve.agents.protocol import Extraction
from evolve.errors import ProgramError
from evolve.evaluation.session_run import LoadedSession, SessionRun
from evolve.records import Episode, ItemOutcome, Task, Usage
from evolve.sandboxes.protocol import Outcome


class Session:
    """Counts its branches; the one numbered ``broken`` (from 1) cannot be made."""

    def __init__(self, broken: int):
        self.broken, self.branches, self.inside = broken, 0, 0
        self.calls: list[str] = []

    @contextmanager
    def branch(self):
        self.branches += 1
        if self.branches == self.broken:
            raise ProgramError("memory", "no memory to fork", fatal=True)
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def write(self, item, raw_text):
        self.calls.append(raw_text)
        return Outcome("", 0.1, Usage(calls=1))

    def read(self, query):
        self.calls.append(query["text"])
        return Outcome("found", 0.1, Usage())

    def observe(self, step):
        raise AssertionError("no task here is acted out")

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def use_memory(run: SessionRun, group: str) -> list[ItemOutcome]:
    """Tell the memory of ``group`` something, and ask it something."""
    item, query = Extraction({"text": "item"}, Usage()), Extraction({"text": f"ask {group}"}, Usage())
    episode = Episode(id=group, text=f"tell {group}")
    with run.memory([episode], [item]):
        run.write(episode, item)
        return run.ask([Task(id=f"task {group}", question="?", answers=("x",), group=group)], [query])


def session_run(session: Session) -> SessionRun:
    return SessionRun(LoadedSession(session, None), clock=lambda: 0.0)


def test_each_memory_is_written_then_read_in_a_branch_of_its_own():
    session = Session(broken=0)
    run = session_run(session)
    reads = use_memory(run, "a") + use_memory(run, "b")
    assert session.calls == ["tell a", "ask a", "tell b", "ask b"]
    assert session.branches == 4
    assert session.inside == 0
    assert run.failure is None
    assert run.usage == Usage(calls=2)
    assert run.reads == reads
    assert [read.task for read in reads] == ["task a", "task b"]


def test_a_memory_that_cannot_be_made_is_an_error_of_the_program():
    run = session_run(Session(broken=1))
    with pytest.raises(ProgramError, match="no memory to fork"):
        use_memory(run, "a")


def test_a_branch_for_a_read_that_cannot_be_made_is_that_read_failing():
    session = Session(broken=2)
    run = session_run(session)
    (read,) = use_memory(run, "a")
    assert run.fatal is not None
    assert run.fatal.where == "read task a"
    assert run.first_failure == run.fatal == read.failure


def test_nothing_is_called_once_the_session_has_ended():
    session = Session(broken=2)
    run = session_run(session)
    use_memory(run, "a")
    assert use_memory(run, "b") == []
    assert session.calls == ["tell a"]
    assert len(run.writes) == len(run.reads) == 1


def test_a_read_aside_is_no_result():
    session = Session(broken=2)
    run = session_run(session)
    task = Task(id="lesson", question="?", answers=("x",))
    query = Extraction({"text": "ask"}, Usage(calls=1))
    assert run.read_aside(task, query).retrieved == "found"
    assert run.read_aside(task, query).failure == run.fatal is not None
    assert run.reads == []
