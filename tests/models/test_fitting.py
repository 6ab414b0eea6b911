from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import ModelError
from evolve.models.fitting import LEAST, Room, left_out_of, shortened
from evolve.models.prompts import Prompt
from evolve.models.tokens import most_tokens

PROMPT = Prompt("p", "# system\nRead.\n\n# user\n$short <text>\n$long\n</text>\n$other\n")
SLOTS = {"short": "What?", "long": "word " * 3_000, "other": "more " * 500}


def tokens(messages):
    return sum(most_tokens(message["content"]) for message in messages)


def test_what_fits_is_sent_as_it_is():
    whole = PROMPT.messages(**SLOTS)
    for room in (Room(), Room(100_000), Room(12_000, 500)):
        assert room.fit(PROMPT, SLOTS, ("long",)) == (whole, 0)


def test_the_longest_texts_are_shortened_and_the_prompt_says_so():
    room = Room(3_000, 500)
    messages, left_out = room.fit(PROMPT, SLOTS, ("long", "other"))
    text = messages[1]["content"]
    assert room.prompt == 2_436
    assert 0.9 * 2_436 < tokens(messages) <= 2_436
    assert f"[... {left_out:,} characters left out ...]" in text
    assert "What?" in text
    assert SLOTS["other"] in text  # the shorter of the two fits
    assert Room(1_500, 500).fit(PROMPT, SLOTS, ("long", "other"))[0][1]["content"].count("left out") == 2


def test_a_quarter_is_kept_for_a_reply_without_limit():
    assert Room(4_000).prompt == 4_000 - 1_000 - 64
    assert Room(100_000).prompt == 100_000 - 2_048 - 64
    assert Room(4_064, 0).smaller().prompt == 3_000
    assert Room().smaller() == Room()


def test_a_default_limit_of_the_reply_does_not_pass_the_context():
    messages = PROMPT.messages(short="", long="", other="")
    assert Room().left_for_reply(messages, at_most=8_192) == 8_192
    assert Room(4_000).left_for_reply(messages, at_most=None) is None
    assert 3_800 < (Room(4_000).left_for_reply(messages, at_most=8_192) or 0) < 3_936
    assert Room(4_000).left_for_reply(messages, at_most=512) == 512
    assert Room(10).left_for_reply(messages, at_most=512) == 64


@pytest.mark.parametrize(
    "room", [Room(300, 100, "tiny"), Room(4_000, 4_000, "tiny"), Room(4_000, 9_000, "tiny")]
)
def test_what_does_not_fit_however_short_is_one_clear_error(room):
    slots = {**SLOTS, "short": "A question that must stay. " * 40}
    with pytest.raises(ModelError, match=r"tiny: its context has \S+ tokens.*max_tokens") as caught:
        room.fit(PROMPT, slots, ("long", "other"))
    assert caught.value.kind == "too_long"


@given(st.text(st.sampled_from("ab \n日1."), max_size=3_000), st.integers(LEAST, 1_000))
def test_beginning_and_end_of_a_text_stay(text, most):
    short = shortened(text, most)
    if len(text) <= most:
        assert short == text
        assert left_out_of(text, most) == 0
        return
    head, tail = short.split(f"\n[... {left_out_of(text, most):,} characters left out ...]\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert most / 2 < len(head) + len(tail) <= most
    assert len(head) + len(tail) + left_out_of(text, most) == len(text)


@given(st.integers(300, 2_000), st.text(st.sampled_from("ab \n日1."), max_size=300), st.integers(1, 20))
def test_a_fitted_prompt_is_within_the_room(context, piece, times):
    text, other = piece * times, piece
    room = Room(context, context // 4)
    try:
        messages, left_out = room.fit(PROMPT, {**SLOTS, "long": text, "other": other}, ("long", "other"))
    except ModelError:
        return
    assert room.holds(messages)
    assert (left_out > 0) == (messages != PROMPT.messages(**{**SLOTS, "long": text, "other": other}))


MEASURED = {
    "Ann moved to Rome in spring. She had a small flat near the river, and a cat called Bob. " * 4: (89, 89),
    (
        'def read(self, query):\n    """Return rows."""\n'
        "    rows = [row for row in self.rows if row.score >= 0.25]\n"
        '    return "\\n".join(str(row) for row in rows[:9])\n'
    )
    * 3: (159, 141),
    '{"id": "a81f", "when": "2023-05-07T14:30:00", "items": [1, 22, 333.5], "ok": true}\n' * 4: (224, 220),
    "[2023-05-07 14:30] Ann: I met Bob at 3.50, paid $12.99 (12%)\n" * 4: (168, 168),
    "今天天气很好，我们去公园散步，然后回家吃饭。她说她喜欢猫。" * 4: (232, 72),
    "今日は天気がいいので、公園を散歩しました。猫が好きです。" * 4: (192, 68),
    "😀🎉👍🏽 " * 8: (90, 33),
}
"""Text → its tokens in the vocabularies of SmolLM2 (49,152) and Qwen2.5 (151,936), counted by llama.cpp."""


@pytest.mark.parametrize(("text", "counted"), MEASURED.items())
def test_the_estimate_is_not_below_what_tokenizers_count(text, counted):
    assert most_tokens(text) >= max(counted)
    assert most_tokens(text) <= 2 * max(counted)


@given(st.text(), st.text())
def test_a_longer_text_has_no_fewer_tokens(text, more):
    assert 0 <= most_tokens(text) <= most_tokens(text + more) + 1
