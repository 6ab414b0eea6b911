from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


class Host:
    """Answers as the host does, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        if request["kind"] == "complete":
            return {"text": "answer"}
        vectors = np.array([[len(text), 1] for text in request["texts"]], "<f4")
        return {"vectors": base64.b64encode(vectors.tobytes()).decode()}


@pytest.fixture
def host() -> Host:
    return Host()


def test_embed_keeps_the_order_over_many_messages(inside: Any, host: Host) -> None:
    texts = ["x" * (i % 7) for i in range(1500)] + ["y" * 150_000] * 3
    vectors = inside.toolkit.Toolkit(host).embed(texts)
    assert vectors.dtype == np.float32
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    assert [text for request in host.asked for text in request["texts"]] == texts
    assert all(sum(map(len, request["texts"])) <= 200_000 for request in host.asked)


def test_embedding_nothing_asks_nothing(inside: Any, host: Host) -> None:
    assert len(inside.toolkit.Toolkit(host).embed([])) == 0
    assert not host.asked


def test_completion(inside: Any, host: Host) -> None:
    toolkit = inside.toolkit.Toolkit(host)
    messages = [{"role": "user", "content": "a\ud800"}]
    assert (
        toolkit.llm_completion(messages, temperature=0, response_format={"type": "json_object"}) == "answer"
    )
    assert host.asked[0]["messages"] == [{"role": "user", "content": "a?"}]
    assert host.asked[0]["options"] == {"temperature": 0, "response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    "messages", ["text", [], [{"role": "user"}], ["text"], [{"role": "user", "content": 3}]]
)
def test_messages_of_another_form_are_explained(inside: Any, host: Host, messages: Any) -> None:
    with pytest.raises(TypeError, match="role"):
        inside.toolkit.Toolkit(host).llm_completion(messages)


def test_the_database_has_full_text_search_and_belongs_to_one_toolkit(inside: Any, host: Host) -> None:
    one, other = inside.toolkit.Toolkit(host), inside.toolkit.Toolkit(host)
    one.db.executescript("create virtual table t using fts5(x); insert into t values ('running dogs');")
    assert one.db.execute("select x from t where t match 'dogs'").fetchall() == [("running dogs",)]
    assert other.db.execute("select name from sqlite_master").fetchall() == []


def test_the_log_is_bounded(inside: Any, host: Host) -> None:
    logger = inside.toolkit.Toolkit(host).logger
    for number in range(80):
        logger.debug("%d %s", number, "x" * 1000)
    lines = logger.take()
    assert len(lines) == 50
    assert {len(line) for line in lines} == {500}
    assert logger.take() == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Fig-tree_2", ["the", "fig", "tree", "2"]),
        ("我的猫", ["我", "的", "猫", "我的", "的猫"]),
        ("ＡＢＣ東京!", ["abc", "東", "京", "東京"]),
        ("Straße", ["strasse"]),
        ("", []),
    ],
)
def test_words_of_any_language(inside: Any, host: Host, text: str, found: list[str]) -> None:
    assert inside.toolkit.Toolkit(host).words(text) == found


@given(text=st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_runs_of_letters_and_digits(text: str) -> None:
    from sandbox.toolkit import Toolkit

    assert Toolkit(Host()).words(text) == re.findall("[a-z0-9]+", text.lower())
