"""Memories of many users in one process: apart from each other, with few programs at a time."""

from __future__ import annotations

import argparse
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolve
from evolve.errors import UsageError
from evolve.plugins import Memory
from evolve.plugins.locks import SessionSlots
from evolve.plugins.spaces import _name_of, folder_name
from evolve.resources import folder
from tests.plugins.inline import InlineSandbox

Opened = Callable[..., Memory]


@pytest.fixture
def opened(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Opened:
    plugin = bind()
    return lambda **more: evolve.load(plugin, path=tmp_path / "memory", sandbox="inline", **more)


def test_spaces_know_nothing_of_each_other(opened: Opened) -> None:
    with opened(usage_log=True) as memory:
        memory.remember("of all")
        memory.space("ada").remember("Ada's", id="x")
        memory.space("ben").remember("Ben's", id="x")
        assert memory.recall("what?") == "read 1: of all"
        assert memory.space("ada").recall("what?") == "read 1: Ada's"
        recall = memory.space("ben").recall("what?")
        with pytest.raises(UsageError, match="has no recall"):
            memory.space("ada").feedback(recall.id, "useful")
        assert memory.space("ada").forget("x") == ("x",)
        assert [text.text for text in memory.space("ben").list()] == ["Ben's"]
        assert memory.spaces() == ("ada", "ben")
    with opened() as memory:
        assert memory.space("ben").recall("what?") == "read 1: Ben's"
        assert memory.space("ada").recall("what?") == "read 1: "


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "/etc", "a/b", "a\\b", "a\0", ".hidden", "a ", "x" * 101, "ä", "%41", 7]
)
def test_what_cannot_be_a_name_makes_no_folder(name: str, opened: Opened, tmp_path: Path) -> None:
    with opened() as memory:
        with pytest.raises(UsageError, match="cannot be the name of a space"):
            memory.space(name)
        assert memory.spaces() == ()
        assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("plugin")} == {"memory"}


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_names_never_share_a_folder(one: str, other: str) -> None:
    folders = []
    for name in (one, other):
        try:
            folders.append(folder_name(name))
        except UsageError:
            return
        assert Path(folders[-1]).name == folders[-1]
        assert _name_of(folders[-1]) == name
    assert (folders[0].lower() == folders[1].lower()) == (one == other)


def test_few_programs_run_at_a_time_and_each_is_back_when_it_is_asked(opened: Opened) -> None:
    with opened(max_sessions=3) as memory:
        for number in range(12):
            memory.space(f"user-{number}").remember(f"text of {number}")
            assert len(InlineSandbox.opened[0].sessions) <= 3
        for number in range(12):
            assert memory.space(f"user-{number}").recall("what?") == f"read 1: text of {number}"
        assert len(InlineSandbox.opened[0].sessions) == 3
    assert InlineSandbox.opened[0].sessions == []


def test_the_least_recently_used_one_is_closed(opened: Opened) -> None:
    told: list[str] = []
    with opened(max_sessions=2, notify=told.append) as memory:
        ada, ben, eve = (memory.space(name) for name in ("ada", "ben", "eve"))
        ada.remember("a")
        ben.remember("b")
        ada.recall("what?")
        eve.remember("e")
        told.clear()
        ada.recall("what?")
        assert not any("Replaying" in line for line in told)
        ben.recall("what?")
        assert any("Replaying 1" in line for line in told)


def test_a_closed_space_can_be_opened_again_and_ends_with_its_memory(opened: Opened) -> None:
    memory = opened()
    with memory.space("ada") as ada:
        ada.remember("a")
        with pytest.raises(UsageError, match="is a space itself"):
            ada.space("inner")
    with pytest.raises(UsageError, match="closed"):
        ada.recall("what?")
    again = memory.space("ada")
    assert again.recall("what?") == "read 1: a"
    memory.close()
    for call in (lambda: again.recall("what?"), lambda: memory.space("ada"), memory.spaces):
        with pytest.raises(UsageError, match="closed"):
            call()


def test_a_dropped_space_is_off_the_disk_also_after_a_kill(opened: Opened, tmp_path: Path) -> None:
    with opened() as memory:
        for name in ("ada", "ben"):
            memory.space(name).remember("qwx4711")
        assert memory.drop_space("ada")
        assert not memory.drop_space("ada")
        assert memory.spaces() == ("ben",)
        assert len(memory.space("ada")) == 0
        memory.drop_space("ada")
        (tmp_path / "memory" / "spaces" / "ben").rename(tmp_path / "memory" / "spaces" / ".gone-00")
    with opened() as memory:
        assert memory.spaces() == ()
    held = [
        path for path in (tmp_path / "memory").rglob("*") if path.is_file() and b"qwx" in path.read_bytes()
    ]
    assert held == []


def test_a_space_is_locked_against_another_user(opened: Opened, tmp_path: Path) -> None:
    with opened() as memory:
        memory.space("ada").remember("a")
        with pytest.raises(UsageError, match="in use by process"):
            evolve.load(next(tmp_path.glob("plugin-*")), path=memory.space("ada").path, sandbox="inline")


class Holder:
    """Who says when it is closed."""

    def __init__(self) -> None:
        self.rests = 0

    def rest(self) -> None:
        self.rests += 1


def test_a_slot_in_use_is_never_taken_away() -> None:
    slots = SessionSlots(1)
    first, second = Holder(), Holder()
    taken = threading.Event()

    def take() -> None:
        with slots.held(second):
            taken.set()

    with slots.held(first), slots.held(first):
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.wait(0.05)
        assert first.rests == 0
    waiting.join(20)
    assert taken.is_set()
    assert (first.rests, second.rests, len(slots)) == (1, 0, 1)


def test_many_clients_lose_nothing_and_see_nothing_of_each_other(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder("benchmarks") / "performance"))
    spaces = importlib.import_module("spaces")
    with opened(max_sessions=4) as memory:
        found = spaces.load_spaces(memory, spaces=200, clients=40, calls=150)
        assert found.lost == found.leaked == 0
        assert found.calls == 150
        assert len(memory.spaces()) > 20
        assert len(InlineSandbox.opened[0].sessions) <= 4
    assert not [thread for thread in threading.enumerate() if "client" in thread.name]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_clients_of_real_sandboxes_lose_nothing_and_memory_is_bounded(
    bind: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder("benchmarks") / "performance"))
    spaces = importlib.import_module("spaces")
    plugin = bind()
    options = argparse.Namespace(spaces=12, clients=8, minutes=0.2, samples=3)
    with evolve.load(plugin, path=tmp_path / "memory", trust=True, max_sessions=3) as memory:
        found, samples = spaces.measured(memory, options)
        assert found.lost == found.leaked == 0
        assert found.calls > 8
    assert samples
    for sample in samples:  # three programs, and a fourth that is about to end
        assert sample.programs <= 4 * 40
    with evolve.load(plugin, path=tmp_path / "memory", trust=True, max_sessions=3) as memory:
        assert spaces.missing(memory, found) == 0


def test_threads_share_a_space(opened: Opened) -> None:
    with opened(max_sessions=2) as memory, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: memory.space(f"u{n % 5}").remember(f"text {n}"), range(40)))
        assert [len(memory.space(f"u{n}")) for n in range(5)] == [8] * 5
