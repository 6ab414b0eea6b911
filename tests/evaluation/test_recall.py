from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

from evolve.agents.protocol import Extraction
from evolve.errors import ProgramError
from evolve.evaluation.recall import Recall, Recaller
from evolve.records import Episode, Task, Usage
from evolve.sandboxes.protocol import Outcome


class Session:
    """Counts its branches; the one numbered ``broken`` (from 1) cannot be made."""

    def __init__(self, broken: int):
        self.broken, self.branches = broken, 0
        self.calls: list[str] = []

    @contextmanager
    def branch(self):
        self.branches += 1
        if self.branches == self.broken:
            raise ProgramError("memory", "no memory to fork", fatal=True)
        yield

    def write(self, item, raw_text):
        self.calls.append(raw_text)
        return Outcome("", 0.1, Usage(calls=1))

    def read(self, query):
        self.calls.append(query["text"])
        return Outcome("found", 0.1, Usage())

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def asking(recaller: Recaller, task: Task, query: Extraction) -> Callable[[], None]:
    def ask() -> None:
        recaller.ask([(task, query)])

    return ask


def carry_out(session: Session, *groups: str) -> Recall:
    """Each group's memory is told something and asked something."""
    recaller = Recaller(session, clock)
    for group in groups:
        extraction = Extraction({"text": f"ask {group}"}, Usage())
        task = Task(id=f"task {group}", question="?", answers=("x",), group=group)
        recaller.in_memory(
            group,
            [(Episode(id=group, text=f"tell {group}"), extraction)],
            asking(recaller, task, extraction),
        )
        if recaller.result.fatal:
            break
    return recaller.result


def clock() -> float:
    return 0.0


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
