"""Batches of which it is not known whether they were submitted: looked for, and not paid for twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.errors import InfrastructureError
from evolve.models.batch_log import BatchFile, SubmittedBatch
from evolve.models.batch_queue import Batching
from evolve.models.gateway import Gateway
from tests.models.test_batches import MODELS, QUICK, ask, echo, paths, task
from tests.server.batches import Batch
from tests.server.faults import Fault, server_error
from tests.server.server import ModelServer

Opened = Callable[..., Gateway]
both = pytest.mark.parametrize("route", ["openai", "anthropic"])


class Killed(BatchFile):
    """The record of a process that is killed when a batch was submitted, before its id is recorded."""

    def append(self, batch: SubmittedBatch) -> None:
        if batch.batch:
            raise InfrastructureError("killed", remedy="")
        super().append(batch)


def once(fault: Fault) -> Callable[[Batch], Fault | None]:
    """The first batch is taken, and the response is lost."""
    faults = [fault]
    return lambda batch: faults.pop() if faults else None


@both
def test_a_batch_whose_id_was_not_recorded_is_found_by_the_next_process(
    route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS[route], echo)
    settings, record = task(model_server, route), tmp_path / "batches.jsonl"
    with pytest.raises(InfrastructureError):
        ask(open_gateway(batches=Batching(2, log=Killed(record))), settings, "a", "b", "c")
    (left,) = BatchFile(record).unfinished()
    assert (left.batch, len(left.keys), len(model_server.desk.batches)) == ("", 3, 1)
    told: list[str] = []
    gateway = open_gateway(batches=Batching(2, log=BatchFile(record)), notify=told.append)
    replies = ask(gateway, settings, "c", "a", "b")
    assert [reply.text[-1] for reply in replies] == ["c", "a", "b"]
    assert "Waiting for batch batch_0, which was submitted before." in told
    assert len(model_server.desk.batches) == 1
    assert {path.rpartition("#")[2] for path in paths(model_server)} == {"batch"}


@both
def test_a_batch_that_was_not_submitted_is_submitted_now(
    route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS[route], echo)
    settings, record = task(model_server, route), tmp_path / "batches.jsonl"
    with pytest.raises(InfrastructureError):
        ask(open_gateway(batches=Batching(2, log=Killed(record))), settings, "a", "b")
    model_server.desk.batches.clear()
    gateway = open_gateway(batches=Batching(2, log=BatchFile(record)))
    replies = ask(gateway, settings, "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]
    assert [len(batch.bodies) for batch in model_server.desk.batches] == [2]
    assert {path.rpartition("#")[2] for path in paths(model_server)} == {"batch"}


@both
def test_a_batch_whose_response_was_lost_is_not_submitted_again(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS[route], echo)
    model_server.desk.submitted = once(server_error(503))
    replies = ask(open_gateway(batches=QUICK), task(model_server, route), "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]
    assert len(model_server.desk.batches) == 1


@both
def test_where_batches_are_not_listed_it_is_submitted_again(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS[route], echo)
    model_server.desk.submitted = once(server_error(503))
    model_server.desk.lists = False
    replies = ask(open_gateway(batches=QUICK), task(model_server, route), "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]
    assert len(model_server.desk.batches) == 2


@both
def test_batches_of_others_are_not_taken_for_ours(
    route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS[route], echo)
    settings, record = task(model_server, route), tmp_path / "batches.jsonl"
    with pytest.raises(InfrastructureError):
        ask(open_gateway(batches=Batching(2, log=Killed(record))), settings, "a", "b")
    ask(open_gateway(batches=QUICK), settings, "x", "y")  # another campaign of the same account
    ours, others = model_server.desk.batches
    model_server.desk.batches.remove(ours)
    gateway = open_gateway(batches=Batching(2, log=BatchFile(record)))
    replies = ask(gateway, settings, "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]
    assert set(others.bodies).isdisjoint(ours.bodies)


def test_the_record_joins_the_lines_of_a_batch_by_its_tag(tmp_path: Path) -> None:
    file = BatchFile(tmp_path / "batches.jsonl")
    about = SubmittedBatch(at=1, batch="", tag="t", model="m", keys=("1", "2"))
    file.append(about)
    assert file.unfinished() == [about]
    done = about.model_copy(update={"batch": "x"})
    file.append(done)
    assert file.unfinished() == [done]
    file.append(done.model_copy(update={"keys": (), "kept": ("1",)}))
    assert [one.keys for one in file.unfinished()] == [("2",)]
    file.append(about.model_copy(update={"tag": "u"}))
    file.append(about.model_copy(update={"tag": "u", "keys": (), "kept": ("1", "2")}))
    assert [one.tag for one in file.unfinished()] == ["t"]
