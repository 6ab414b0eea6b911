from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evolve.errors import ProgramError
from evolve.sandboxes.messages import (
    HEADER_BYTES,
    MAX_CONTAINERS,
    MAX_DEPTH,
    Complete,
    Done,
    Embed,
    decode,
    encode,
    parse,
)

TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON))
def test_what_is_encoded_is_read_back(value: dict[str, object]) -> None:
    frame = encode(value)
    assert int.from_bytes(frame[:HEADER_BYTES], "big") == len(frame) - HEADER_BYTES
    assert parse(frame[HEADER_BYTES:]) == value


@given(JSON)
def test_escaped_json_is_read_as_the_standard_library_does(value: object) -> None:
    body = json.dumps(value).encode()  # ASCII, with surrogate pairs for what lies beyond the basic plane
    assert parse(body) == value


@given(st.binary(max_size=200) | st.text('[]{},:"\\u0d8 \n1eE+-.NaInfity', max_size=200).map(str.encode))
@example(b'"' + b'\\"' * 50)
@example(b'"\\')
def test_any_bytes_are_a_value_or_a_protocol_violation(body: bytes) -> None:
    try:
        value = parse(body)
    except ProgramError as error:
        kind = error.kind
    else:
        kind = "protocol"
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()  # finite, and no lone surrogate
    assert kind == "protocol"


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_message_or_a_protocol_violation(body: bytes) -> None:
    with pytest.raises(ProgramError) as caught:
        decode(body)
    assert caught.value.kind == "protocol"


@given(st.lists(TEXT, min_size=1), TEXT)
def test_messages_are_read(texts: list[str], value: str) -> None:
    assert decode(_body({"id": "i", "kind": "embed", "texts": texts})) == Embed(
        id="i", kind="embed", texts=texts
    )
    done = Done(id="i", kind="done", value=value, logs=texts)
    assert decode(_body(done.model_dump())) == done


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b"[Infinity]",
        b"1e999",
        b"9" * 21,
        b'{"a": 1, "a": 2}',
        b'"\\ud800"',
        b'"\\uDFFF x"',
        b'"\xed\xa0\x80"',
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'[{"a":' * MAX_DEPTH + b"1" + b"}]" * MAX_DEPTH,
        b"[" + b"[]," * MAX_CONTAINERS + b"[]]",
        b"[" * 100_000,
        b"{} {}",
        b"",
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(ProgramError) as caught:
        parse(body)
    assert caught.value.kind == "protocol"


def test_brackets_in_a_string_are_only_text() -> None:
    text = "[{" * 50_000 + '\\"['
    assert parse(json.dumps([text]).encode()) == [text]


def test_depth_at_the_limit_is_read() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) != []


@pytest.mark.parametrize(
    "message",
    [
        {"id": "i", "kind": "done", "value": 7, "logs": []},
        {"id": "i", "kind": "done", "value": "x"},
        {"id": "i", "kind": "done", "value": "x", "logs": [], "more": 1},
        {"id": "i", "kind": "done", "value": "x", "logs": [1]},
        {"id": 1, "kind": "done", "value": "x", "logs": []},
        {"id": "i" * 65, "kind": "done", "value": "x", "logs": []},
        {"id": "i", "kind": "embed", "texts": []},
        {"id": "i", "kind": "complete", "messages": [{"role": 1}], "options": {}},
        {"id": "i", "kind": "failed", "error": "timeout", "message": "", "detail": "", "logs": []},
        {"id": "i", "kind": "other"},
        [],
        None,
    ],
)
def test_a_message_of_another_form_is_refused(message: object) -> None:
    with pytest.raises(ProgramError, match="another form") as caught:
        decode(json.dumps(message).encode())
    assert caught.value.kind == "protocol"


def test_options_of_a_completion_are_any_json() -> None:
    message = {
        "id": "i",
        "kind": "complete",
        "messages": [{"role": "user", "content": "x"}],
        "options": {"a": [1.5]},
    }
    decoded = decode(_body(message))
    assert isinstance(decoded, Complete)
    assert decoded.options == {"a": [1.5]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_the_host_never_sends_what_it_would_not_read(value: object) -> None:
    with pytest.raises(ValueError, match=r"Out of range|surrogates"):
        encode({"x": value})


def _body(message: dict[str, object]) -> bytes:
    return encode(message)[HEADER_BYTES:]
