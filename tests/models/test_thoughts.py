from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models import thoughts
from evolve.models.quotations import long_strings, short_strings
from evolve.models.structured import strip_thoughts
from evolve.models.thoughts import code_fences

TAGS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<scratchpad>", "</scratchpad>"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought\n", "<channel|>"),
    ("<unused94>thought\n", "<unused95>"),
]
ANSWERS = st.text(st.characters(codec="utf-8", exclude_characters="<>[]◁▷|`'\"\\"), max_size=30)


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_thoughts_before_the_answer_are_not_said(opening, closing):
    assert strip_thoughts(f"{opening}\nhm {{}}\n{closing}\n\nyes") == "yes"
    assert strip_thoughts(f"  {opening}hm{closing}{opening}again{closing}yes") == "yes"
    assert strip_thoughts(f"hm\n{closing}yes") == "yes"
    assert strip_thoughts(f"{closing}\n\nyes") == "yes"
    assert strip_thoughts(f"{opening} for ever") == ""
    assert strip_thoughts(f"{opening}hm{closing}") == ""
    assert strip_thoughts(f"Sure.\n{opening}\nhm\n{closing}\nyes") == "Sure.\n\nyes"


@given(st.sampled_from(TAGS), ANSWERS, ANSWERS)
def test_only_what_stands_after_the_thoughts_is_said(tags, thought, answer):
    opening, closing = tags
    assert strip_thoughts(f"{opening}{thought}{closing}{answer}") == strip_thoughts(answer) == answer.strip()


@given(
    st.text() | st.lists(st.sampled_from([tag for pair in TAGS for tag in pair] + ["a", "\n", "```", '"']))
)
def test_any_text_can_be_read_and_what_is_said_comes_from_it(text):
    whole = "".join(text)
    said = strip_thoughts(whole)
    said.encode()
    assert len(said) <= len(whole)


@pytest.mark.parametrize(
    "text",
    [
        "the tag <think></think> is a tag",
        "```python\nx = reply.split('</think>')[-1]\n```",
        "```\n<think>\nplan\n</think>\n```",
        "import re\nx = reply.split('</think>')[-1]",
        'import re\nx = re.sub(r".*</think>\\s*", "", reply)',
        'PLAN = """First\n<think>\nplan\n</think>\nthen"""',
        'def f(text):\n    return text.replace("<think>", "").replace("</think>", "")',
        '{"a": "x </think> y"}',
        "It ends with `</think>`, always.",
        "Analysis shows that this assistant is final.",
        "<answer>42</answer>",
        "Here is my thought process: none.",
    ],
)
def test_tags_that_are_only_mentioned_cut_nothing(text):
    assert strip_thoughts(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>I end with `</think>` at last.\n</think>\nok", "ok"),
        ("<think>a <think> b </think> c </think> d", "d"),
        ("<think>\n```python\ndraft\n</think>\n```\nfixed\n```", "```\nfixed\n```"),
        ("<think>\n```python\ndraft\n\n</think>\nfixed", "fixed"),
        ("```python\ndraft\n</think>\n```python\nfixed\n```", "```python\nfixed\n```"),
        ("<think>\n```\na = '<think>'\n```\n</think>\nok", "ok"),
        ("I don't say </think> it's", "it's"),
        ('<think>The user says "hello</think>Hi "there"', 'Hi "there"'),
        ('<think>\nhm\n</think>\nx = "</think>"', 'x = "</think>"'),
        ("<think>\nhm\n</think>\n<answer>\n42\n</answer>", "42"),
        ('<think duration="3">hm</think>42', "42"),
    ],
)
def test_thoughts_that_speak_of_tags_and_code_end_where_they_end(text, said):
    assert strip_thoughts(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes<|return|>",
            "yes",
        ),
        ("<|start|>assistant<|channel|>final <|constrain|>json<|message|>{}<|end|>", "{}"),
        ("hm<|end|><|start|>assistant<|channel|>final<|message|>yes", "yes"),
        ("<|channel|>analysis<|message|>hm", ""),
        ("analysisWe weigh it.assistantfinalYes.", "Yes."),
        ("The marker is `<|channel|>final<|message|>`.", "The marker is `<|channel|>final<|message|>`."),
    ],
)
def test_of_harmony_the_final_channel_is_said(text, said):
    assert strip_thoughts(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>b<|end_of_solution|>", "b"),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "b"),
        ("Here is my thought process: a\nHere is my response: b", "b"),
        ("Here are my reasoning steps:\na\n[BEGIN FINAL RESPONSE]\nb\n[END FINAL RESPONSE]\n<|end|>", "b"),
        ("<seed:think>a<seed:cot_budget_reflect>b</seed:cot_budget_reflect></seed:think>c", "c"),
        ("yes<|im_end|>", "yes"),
        ("half \ud800 one", "half � one"),
    ],
)
def test_what_models_put_around_an_answer_is_not_said(text, said):
    assert strip_thoughts(text) == said


def test_a_fence_that_is_never_closed_holds_nothing():
    text = "```python\ndraft\n```python\nfixed\n```\nend\n```\nopen"
    assert [text[start:end] for start, end in code_fences(text)] == ["```python\nfixed\n```"]


PIECES = st.lists(
    st.sampled_from(
        ['"', "'", '"""', "'''", "\\", "\n", " ", "a", "rb", "f", "`", "```", "~~~~", "\t", "é", "_"]
    )
    | st.sampled_from(["<think>", "</think>", "<|channel|>", "<|start|>", "<|message|>", "final"])
    | st.sampled_from(["<|end|>", "<|im_end|>", "[END final response]", "<|return|>"]),
    max_size=60,
).map("".join)
LONG = re.compile(r'"""(?:\\.|[^\\])*?"""|' r"'''(?:\\.|[^\\])*?'''", re.DOTALL)
SHORT = re.compile(r'"(?:\\.|[^"\\\n])*"' r"|(?<!\w)(?:[rbfuRBFU]{1,2})?'(?:\\.|[^'\\\n])*'(?!\w)")
ENDINGS = re.compile(rf"(?:\s|{'|'.join(map(re.escape, thoughts._ENDINGS))})+\Z", re.IGNORECASE)
BACKTRACKING = {
    name: re.compile(
        getattr(thoughts, name).pattern.replace("++", "+").replace("*+", "*").replace("}+", "}"), re.MULTILINE
    )
    for name in ("_FENCE", "_CHANNEL")
}


@given(PIECES)
def test_strings_are_those_of_the_plain_expressions(text):
    """These say which strings there are, in quadratic time where quotes are not closed."""
    assert list(long_strings(text)) == [match.span() for match in LONG.finditer(text)]
    assert list(short_strings(text)) == [match.span() for match in SHORT.finditer(text)]
    assert thoughts._without_endings(text) == ENDINGS.sub("", text)


@given(PIECES)
def test_no_match_is_lost_by_expressions_that_do_not_backtrack(text):
    for name, plain in BACKTRACKING.items():
        found = [match.groups() for match in getattr(thoughts, name).finditer(text)]
        assert found == [match.groups() for match in plain.finditer(text)]


@pytest.mark.parametrize(
    ("before", "part", "after"),
    [
        ("a", "\n\n", "a"),
        ("", "<|im_end|>\n", "a"),
        ("<think>", '\\"', ""),
        ("</think>", "\\'''", ""),
        ("</think>", '\\"""', ""),
        ("<|channel|>", "a", ""),
        ("```", " ", "`"),
        ("", "~", "`"),
        ("", "a `<think>` ", ""),
        ("", "<think></think>", ""),
        ("", "</think>", ""),
        ("", "x\n<think>\n", ""),
        ("", "'", ""),
        ("", "```\n", ""),
        ("", "<think ", ""),
    ],
)
def test_time_grows_with_the_length_of_a_reply_and_not_its_square(before, part, after):
    def seconds(count: int) -> float:
        text = before + part * count + after
        times = []
        for _ in range(3):
            begun = time.thread_time()
            strip_thoughts(text)
            times.append(time.thread_time() - begun)
        return min(times)

    few = 2_000
    while seconds(few) < 0.004 and few < 64_000:
        few *= 2
    assert seconds(8 * few) < 8 * 3 * max(seconds(few), 0.001)
