from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, contextmanager

from evolve.agents.protocol import Extraction
from evolve.errors import ProgramError
from evolve.evaluation.session_run import LoadedSession, SessionRun
from evolve.evaluation.subsets import MemoryBatch
from evolve.records import Episode, Task, Usage
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


class Inputs:
    """What is told and asked of each group."""

    def __init__(self, groups: Sequence[str]):
        self.groups = groups

    def items(self, place: int) -> list[Extraction]:
        return [Extraction({"text": "item"}, Usage())]

    def queries(self, questions: Mapping[str, Task]) -> list[Extraction]:
        return [Extraction({"text": f"ask {task.group}"}, Usage()) for task in questions.values()]


def session_run(session: Session, *groups: str, blocks: int = 1) -> SessionRun:
    """Each group's memory is told something and asked something, ``blocks`` times."""
    batches = [
        MemoryBatch(
            group,
            (Episode(id=group, text=f"tell {group}"),),
            tuple(
                (Task(id=f"task {group}{n or ''}", question="?", answers=("x",), group=group),)
                for n in range(blocks)
            ),
        )
        for group in groups
    ]
    return SessionRun(LoadedSession(session, None), batches, Inputs(groups), clock=lambda: 0.0)


def carry_out(session: Session, *groups: str) -> SessionRun:
    run = session_run(session, *groups)
    for _ in run:
        pass
    return run


def test_each_memory_is_written_then_read_in_a_branch_of_its_own():
    session = Session(broken=0)
    result = carry_out(session, "a", "b")
    assert session.calls == ["tell a", "ask a", "tell b", "ask b"]
    assert session.branches == 4
    assert result.failure is None
    assert result.usage == Usage(calls=2)


def test_a_branch_that_cannot_be_made_ends_it():
    session = Session(broken=3)
    result = carry_out(session, "a", "b", "c")
    assert session.calls == ["tell a", "ask a"]
    assert result.failure is not None
    assert result.failure.where == "branch for group 'b'"
    assert result.failure.kind == "memory"


def test_a_branch_for_a_read_that_cannot_be_made_is_that_read_failing():
    session = Session(broken=2)
    result = carry_out(session, "a", "b")
    assert session.calls == ["tell a"]
    assert result.fatal is not None
    assert result.fatal.where == "read task a"
    assert result.first_failure == result.fatal


def test_reads_come_while_their_memory_is_there_and_what_is_not_asked_for_is_not_done():
    session = Session(broken=0)
    run = session_run(session, "a", "b", blocks=2)
    with closing(iter(run)) as blocks:
        batch, (read,) = next(blocks)
        assert (batch.group, read.task, read.retrieved, session.inside) == ("a", "task a", "found", 1)
        assert session.calls == ["tell a", "ask a"]
        next(blocks)
        assert session.inside == 1
        assert next(blocks)[0].group == "b"
        assert session.calls == ["tell a", "ask a", "ask a", "tell b", "ask b"]
    assert session.inside == 0, "closed early, it leaves the memory"
    assert len(run.reads) == 3
