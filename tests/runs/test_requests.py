"""The file of requests, which any process may write while another one reads."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import InfrastructureError, UsageError
from evolve.runs.requests import (
    FILE,
    LONGEST_HINT,
    RequestReader,
    SteeringRequest,
    append_request,
    checked_hint,
)

hints = st.builds(SteeringRequest, action=st.just("hint"), text=st.text(max_size=40))


def test_requests_come_once_and_in_their_order(tmp_path: Path):
    reader = RequestReader(tmp_path)
    assert reader.read() == []
    first, second = SteeringRequest(action="hint", text="a"), SteeringRequest(action="stop")
    append_request(tmp_path, first)
    assert reader.read() == [first]
    append_request(tmp_path, second)
    assert reader.read() == [second]
    assert reader.read() == []
    assert RequestReader(tmp_path).read() == [first, second]


def test_several_writers_lose_nothing(tmp_path: Path):
    requests = [SteeringRequest(action="hint", text=f"{number}" * 500) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda request: append_request(tmp_path, request), requests))
    found = RequestReader(tmp_path).read()
    assert sorted(request.id for request in found) == sorted(request.id for request in requests)


@given(st.lists(hints, min_size=1, max_size=5), st.data())
def test_a_line_that_was_torn_is_passed_over_and_then_cut_off(
    requests: list[SteeringRequest], data: st.DataObject
):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        for request in requests:
            append_request(path.parent, request)
        whole = path.read_bytes()
        last = len(whole) - len(whole.rstrip(b"\n").rpartition(b"\n")[2]) - 1
        path.write_bytes(whole[: data.draw(st.integers(last, len(whole) - 1))])
        reader = RequestReader(path.parent)
        assert reader.read() == requests[:-1]
        more = SteeringRequest(action="pause")
        append_request(path.parent, more)
        assert RequestReader(path.parent).read() == [*requests[:-1], more]
        assert reader.read() == [more]


def test_a_full_disk_is_no_half_line(tmp_path: Path):
    first = SteeringRequest(action="pause")
    append_request(tmp_path, first)

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(InfrastructureError, match="No space left"):
        append_request(tmp_path, SteeringRequest(action="stop"), full)
    assert RequestReader(tmp_path).read() == [first]


def test_a_link_is_not_followed(tmp_path: Path):
    target = tmp_path / "elsewhere"
    target.write_text("kept")
    (tmp_path / FILE).symlink_to(target)
    with pytest.raises(UsageError, match="symbolic link"):
        append_request(tmp_path, SteeringRequest(action="stop"))
    with pytest.raises(UsageError):
        RequestReader(tmp_path).read()
    assert target.read_text() == "kept"


def test_damage_is_said_with_its_line(tmp_path: Path):
    append_request(tmp_path, SteeringRequest(action="pause"))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"action": "dance"}\n')
    with pytest.raises(UsageError, match="Line 2"):
        RequestReader(tmp_path).read()


@pytest.mark.parametrize("text", ["", "  \n", "x" * (LONGEST_HINT + 1)])
def test_a_hint_has_text_and_fits_a_prompt(text: str):
    with pytest.raises(UsageError):
        checked_hint(text)
    assert checked_hint(f" {'x' * LONGEST_HINT}\n") == "x" * LONGEST_HINT
