"""Kept replies: threads, processes, kills, damage; and what makes two requests the same."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import InfrastructureError, UsageError
from evolve.models.cache import ReplyCache, key_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
requests = st.dictionaries(st.text(), json_values, max_size=5)
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@given(requests)
def test_the_order_of_fields_does_not_matter(request: dict[str, Any]) -> None:
    assert key_of(dict(reversed(request.items()))) == key_of(request)


@given(requests, requests)
def test_different_requests_have_different_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = repr(_sorted(one)) == repr(_sorted(other))  # 1, 1.0 and True are equal, but not sent alike
    assert (key_of(one) == key_of(other)) == same


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, _sorted(inner)) for key, inner in value.items())
    return [_sorted(inner) for inner in value] if isinstance(value, list) else value


def test_what_was_put_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cache.sqlite"
    cache = ReplyCache(path)
    cache.put({"a": b"1", "b": b"\0\xff"})
    cache.put({"a": b"another"})  # the first one stays: whoever read it has built on it
    cache.close()
    cache.close()
    again = ReplyCache(path)
    assert again.get("a") == b"1"
    assert again.get_many(["a", "b", "c"]) == {"a": b"1", "b": b"\0\xff"}
    assert again.get("c") is None
    assert len(again) == 2


def test_more_keys_than_a_query_takes(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "cache.sqlite")
    values = {str(number): b"x" for number in range(2_500)}
    cache.put(values)
    assert cache.get_many(list(values)) == values
    assert cache.get_many([]) == {}


def test_threads(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "cache.sqlite")

    def work(thread: int) -> None:
        for number in range(50):
            cache.put({f"{thread}-{number}": str(number).encode(), f"shared-{number}": b"same"})
            assert cache.get(f"{thread}-{number}") == str(number).encode()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert len(cache) == 8 * 50 + 50


def test_processes_that_begin_at_once(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    code = (
        "import sys, pathlib\n"
        "from evolve.models.cache import ReplyCache\n"
        "cache = ReplyCache(pathlib.Path(sys.argv[1]))\n"
        "for n in range(100): cache.put({f'{sys.argv[2]}-{n}': b'x'})\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], env=ENVIRON) for n in range(3)
    ]
    assert [process.wait(60) for process in started] == [0] * 3
    assert len(ReplyCache(path)) == 300


def test_processes_that_open_a_fresh_cache_at_once_all_succeed(tmp_path: Path) -> None:
    rounds, code = (
        40,
        (
            "import sys, pathlib\n"
            "from evolve.models.cache import ReplyCache\n"
            "print('ready', flush=True)\n"
            "for line in sys.stdin:\n"
            "    cache = ReplyCache(pathlib.Path(line.strip()))\n"
            "    cache.put({sys.argv[1]: b'x'}); cache.close()\n"
            "    print('done', flush=True)\n"
        ),
    )
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(n)],
            env=ENVIRON,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    said = []
    for path in ["", *(tmp_path / f"{number}.sqlite" for number in range(rounds))]:
        for opener in openers:
            assert opener.stdin
            if path:
                print(path, file=opener.stdin, flush=True)
        said += [opener.stdout.readline().strip() for opener in openers if opener.stdout]
    for opener in openers:
        opener.communicate(timeout=60)
    assert said == ["ready"] * len(openers) + ["done"] * len(openers) * rounds
    assert len(ReplyCache(tmp_path / "0.sqlite")) == len(openers)


def test_a_killed_process_has_lost_nothing_that_it_kept(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    code = (
        "import sys, pathlib\n"
        "from evolve.models.cache import ReplyCache\n"
        "cache = ReplyCache(pathlib.Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    cache.put({str(n): b'x' * 1000}); print(n, flush=True); n += 1\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], env=ENVIRON, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    kept = [int(process.stdout.readline()) for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    kept += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    cache = ReplyCache(path)
    assert set(cache.get_many([str(number) for number in kept])) == {str(number) for number in kept}


def test_a_file_that_is_no_cache_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("these are my notes, and more than a hundred bytes of them\n" * 10)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    for path, reason in ((text, "not a database"), (other, "another program")):
        before = path.read_bytes()
        with pytest.raises(UsageError, match=reason):
            ReplyCache(path)
        assert path.read_bytes() == before
    with pytest.raises(UsageError, match=r"Move it away|name another"):
        ReplyCache(tmp_path)


def test_a_cache_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    ReplyCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(UsageError, match="version 99"):
        ReplyCache(path)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    cache = ReplyCache(path)
    cache.put({str(number): b"x" * 500 for number in range(1_000)})
    cache.close()
    data = bytearray(path.read_bytes())
    data[8_192:40_000] = b"\xaa" * (40_000 - 8_192)
    path.write_bytes(data)
    with pytest.raises(UsageError, match="cannot be used as a cache"):
        ReplyCache(path)


def test_a_failing_disk_is_said(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "cache.sqlite")
    with sqlite3.connect(tmp_path / "cache.sqlite") as connection:
        connection.execute("DROP TABLE replies")
    with pytest.raises(InfrastructureError, match="cache of model replies"):
        cache.put({"a": b"1"})
    with pytest.raises(InfrastructureError, match="cache of model replies"):
        cache.get("a")


def test_closing_ends_the_connections_of_all_threads(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "cache.sqlite")
    thread = threading.Thread(target=cache.put, args=({"a": b"1"},))
    thread.start()
    thread.join()
    cache.close()
    assert not (tmp_path / "cache.sqlite-wal").exists()  # the last connection removes it
