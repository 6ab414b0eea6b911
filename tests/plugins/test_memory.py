"""A memory in use: restarts, failures, second users, changed plug-ins. In a bare process: the fastest."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.agents.protocol import Response
from evolve.agents.rules import RuleBasedAgent
from evolve.errors import InfrastructureError, ProgramError, UsageError
from evolve.models.offline import ExtractiveModel
from evolve.plugins import Memory
from evolve.records import Completion, Usage
from evolve.registry import REGISTRY

Bind = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def opened(bind: Bind, home: Path) -> Callable[..., Memory]:
    """Opens the same memory again and again."""
    folder = bind()
    return lambda plugin=folder, **more: evolve.load(plugin, path=home, trust=True, **more)


Opened = Callable[..., Memory]


def test_it_is_there_again_after_a_restart(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        memory.remember("two\nlines — é")
        before = memory.recall("what?")
    with opened() as memory:
        assert len(memory) == 2
        assert memory.recall("what?") == before == "read 1: one | two\nlines — é"


def test_a_registered_agent_uses_the_memory(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shouting(RuleBasedAgent):
        def respond(self, *arguments: Any, **more: Any) -> list[Response]:
            return [replace(one, text=one.text.upper()) for one in super().respond(*arguments, **more)]

    monkeypatch.setattr(REGISTRY, "_added", {("agent", "shouting"): Shouting})
    with opened(model="shouting") as memory:
        memory.remember("Ada lives in Lisbon.")
        assert "LISBON" in memory.answer("Where does Ada live?")


def test_recalling_changes_nothing(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        assert {memory.recall("what?") for _ in range(3)} == {"read 1: one"}
        assert isinstance(memory.answer("what?"), str)
        assert memory.recall("what?") == "read 1: one"


@pytest.mark.parametrize("text", ["refuse this", "crash at this"])
def test_a_failed_write_is_as_if_it_was_never_given(text: str, opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        with pytest.raises(ProgramError):
            memory.remember(text)
        assert memory.recall("what?") == "read 1: one"
        memory.remember("two")
    with opened() as memory:
        assert memory.recall("what?") == "read 1: one | two"


def test_a_program_that_died_in_a_read_comes_back(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        with pytest.raises(ProgramError, match="ended"):
            memory.recall("crash?")
        assert memory.recall("what?") == "read 1: one"


def test_a_full_disk_loses_nothing(opened: Opened, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as memory:
        memory.remember("one")
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", _no_space)
            with pytest.raises(InfrastructureError, match="No space"):
                memory.remember("two")
        assert memory.recall("what?") == "read 1: one"
        memory.remember("three")
    with opened() as memory:
        assert memory.recall("what?") == "read 1: one | three"


def _no_space(_: int) -> None:
    raise OSError(28, os.strerror(28))


@pytest.mark.parametrize("given", ["", "  \n", None, 7, "\ud800", "x" * 1_000_001])
def test_what_is_no_text_is_refused(given: Any, opened: Opened) -> None:
    with opened() as memory:
        for call in (memory.remember, memory.recall, memory.answer):
            with pytest.raises(UsageError):
                call(given)
        assert len(memory) == 0


def test_it_cannot_be_used_after_close_and_closing_twice_is_fine(opened: Opened) -> None:
    memory = opened()
    memory.close()
    memory.close()
    for call in (lambda: memory.remember("x"), lambda: memory.recall("x"), lambda: len(memory)):
        with pytest.raises(UsageError, match="closed"):
            call()


def test_a_memory_that_nobody_closed_gives_its_folder_back(opened: Opened) -> None:
    memory = opened()
    memory.remember("one")
    del memory
    with opened() as memory:
        assert memory.recall("what?") == "read 1: one"


def test_a_second_user_is_refused_in_another_process_and_in_this_one(
    opened: Opened, bind: Bind, home: Path
) -> None:
    with opened():
        with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
            opened()
        code = f"import evolve; evolve.load({str(next(home.parent.glob('plugin-*')))!r}, path={str(home)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert f"in use by process {os.getpid()}" in done.stderr
    opened().close()


def test_a_folder_of_other_things_is_left_alone(opened: Opened, home: Path) -> None:
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"other things than a memory \(thesis.tex\)"):
        opened()
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]


def test_threads_and_tasks_may_share_it(opened: Opened) -> None:
    async def both() -> list[str]:
        async with opened() as memory:
            await asyncio.gather(*(memory.aremember(f"task {n}") for n in range(8)))
            return await asyncio.gather(*(memory.arecall("what?") for _ in range(4)))

    (recalled,) = set(asyncio.run(both()))
    assert sorted(recalled.removeprefix("read 1: ").split(" | ")) == [f"task {n}" for n in range(8)]
    with opened() as memory, ThreadPoolExecutor(4) as pool:
        list(pool.map(memory.remember, (f"thread {n}" for n in range(8))))
        assert len(memory) == 16


def test_it_is_sandboxed_unless_it_is_trusted(bind: Bind, home: Path) -> None:
    with pytest.raises(UsageError, match="process"):
        evolve.load(bind(), path=home, sandbox="process")
    with evolve.load(bind(name="other"), trust=True) as memory:
        assert memory.isolation == "process"
        assert memory.path.is_dir()
    assert not memory.path.exists()


class CountingModel(ExtractiveModel):
    """A toolkit model that says how often it was asked."""

    calls = 0

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        CountingModel.calls += 1
        return Completion(text=f"summary {CountingModel.calls}", usage=Usage(calls=1))


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[CountingModel]:
    monkeypatch.setattr("evolve.model_set.ExtractiveModel", CountingModel)
    CountingModel.calls = 0
    return CountingModel


def test_what_a_model_said_in_a_write_is_replayed_and_not_asked_again(
    opened: Opened, counting: type[CountingModel]
) -> None:
    with opened() as memory:
        memory.remember("summarise me")
        memory.remember("summarise me")
        assert memory.recall("what?") == "read 1: summary 1 | summary 2"
    with opened() as memory:
        assert memory.recall("what?") == "read 1: summary 1 | summary 2"
    assert counting.calls == 2


def test_a_version_that_asks_its_model_something_else_is_refused_until_it_may(
    opened: Opened, bind: Bind, notebook: str, counting: type[CountingModel]
) -> None:
    with opened() as memory:
        memory.remember("summarise me")
    changed = bind(notebook.replace('"content": raw_text', '"content": raw_text.upper()'))
    with pytest.raises(UsageError, match="reextract=True"):
        opened(changed)
    assert counting.calls == 1
    with opened(changed, reextract=True) as memory:
        assert memory.recall("what?") == "read 1: summary 2"
    with opened(changed) as memory:
        assert memory.recall("what?") == "read 1: summary 2"
    assert counting.calls == 2


def test_other_logic_under_the_same_schema_takes_what_is_stored(
    opened: Opened, bind: Bind, notebook: str
) -> None:
    with opened() as memory:
        memory.remember("one")
    with opened(bind(notebook.replace("append(raw_text)", "append(raw_text.upper())"))) as memory:
        memory.remember("two")
        assert memory.recall("what?") == "read 1: ONE | TWO"


def test_a_change_of_schema_is_said_and_mended_on_request(
    opened: Opened, bind: Bind, notebook: str, home: Path
) -> None:
    with opened() as memory:
        memory.remember("Ada moved to Lisbon.")
    changed = bind(notebook.replace("summary: str", "people: list[str]"))
    with pytest.raises(
        UsageError, match=r"people \(list\[str\]\) is new, summary \(str\) is gone.*reextract"
    ):
        opened(changed)
    with opened(changed, reextract=True) as memory:
        assert memory.recall("what?") == "read 1: Ada moved to Lisbon."
    stored = [json.loads(line) for line in (home / "journal.jsonl").read_text().splitlines()]
    assert set(stored[1]["item"]) == {"people"}
    opened(changed).close()


def test_a_failed_reextraction_leaves_the_memory_as_it_was(
    opened: Opened, bind: Bind, notebook: str, home: Path
) -> None:
    with opened() as memory:
        memory.remember("one")
    before = (home / "journal.jsonl").read_bytes()
    with pytest.raises(ProgramError):
        opened(bind(notebook.replace('"refuse" in', '"one" in')), reextract=True)
    assert (home / "journal.jsonl").read_bytes() == before
    opened().close()


def test_the_memory_of_another_plug_in_is_refused(opened: Opened, bind: Bind) -> None:
    opened().close()
    with pytest.raises(UsageError, match="one of the plug-in 'notebook', not of 'other'"):
        opened(bind(name="other"))


def test_damage_in_the_journal_is_said_with_its_line(opened: Opened, home: Path) -> None:
    with opened() as memory:
        memory.remember("one")
        memory.remember("two")
    journal = home / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"remembered"', b'"misremembered"', 1))
    with pytest.raises(UsageError, match=r"Line 2 of .*journal.jsonl is not a record"):
        opened()


STORE = """
import sys, evolve
memory = evolve.load(sys.argv[1], path=sys.argv[2], trust=True)
for number in range(10_000):
    memory.remember(f"D{number}: I told you about turn number {number}, did I not?")
    print(number, flush=True)
"""


@pytest.mark.parametrize(
    "acknowledged", [pytest.param(1, marks=pytest.mark.slow), 40, pytest.param(90, marks=pytest.mark.slow)]
)
def test_a_process_killed_in_mid_write_loses_nothing_that_it_acknowledged(
    acknowledged: int, plugin: Path, home: Path
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", STORE, str(plugin), str(home)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [int(writer.stdout.readline()) for _ in range(acknowledged)]
    time.sleep(0.003)  # somewhere in the next writes
    writer.kill()
    said += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    writer.stdout.close()
    with (home / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"type":"remembered","text":"torn')  # as a kill within the system call leaves it
    with evolve.load(plugin, path=home, trust=True) as memory:
        assert len(said) <= len(memory) <= len(said) + 1
        recalled = memory.recall(f"What about turn number {said[-1]}?")
        assert f"D{said[-1]}:" in recalled
        memory.remember("It goes on.")
    with evolve.load(plugin, path=home, trust=True) as memory, evolve.load(plugin, trust=True) as fresh:
        for number in range(len(memory) - 1):
            fresh.remember(f"D{number}: I told you about turn number {number}, did I not?")
        assert fresh.recall(f"What about turn number {said[-1]}?") == recalled


def test_a_program_that_observes_is_a_plug_in_as_well_and_is_read_without_steps(
    bind: Bind, home: Path, notebook: str
) -> None:
    observing = f"{notebook}\n    def observe(self, step):\n        raise ValueError\n"
    with evolve.load(bind(observing), path=home, trust=True) as memory:
        memory.remember("one")
        assert memory.recall("what?") == "read 1: one"
