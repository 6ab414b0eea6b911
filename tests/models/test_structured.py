from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evolve.models.structured import Unusable, find_object, read_object, shortened

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    # Quotes and braces in the texts of nearly valid JSON are another test; blanks at their ends get lost.
    | st.text(
        st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="\"'“”‘’`\\{}[]/#\ue0a7"),
        max_size=12,
    ).map(str.strip),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdeé_", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text("abcdeé_", min_size=1, max_size=6), JSON, max_size=4)
FRAMES = (
    "{}",
    "Sure! Here it is:\n{}\nIs that right?",
    "```json\n{}\n```",
    "Fill {{name}}.\n```\n{}\n```\nDone.",
)


@given(OBJECTS, st.sampled_from(FRAMES), st.sampled_from([None, 2]))
def test_valid_json_is_read_whatever_stands_around_it(value, frame, indent):
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    assert read_object(frame.replace("{}", text).replace("{{name}}", "{name}")) == value


@given(OBJECTS, st.sampled_from(FRAMES))
@example({"_": "+"}, "{}")
def test_a_python_dictionary_is_read_as_json(value, frame):
    read = read_object(frame.replace("{}", repr(value)).replace("{{name}}", "{name}"))
    assert read == value


@given(st.text() | st.text("{}[]\"':,a1 \n\\/#`"), st.sets(st.sampled_from("ab")))
def test_any_text_is_read_or_refused_and_what_is_read_can_be_sent_on(text, fields):
    try:
        found = find_object(text, fields)
    except Unusable:
        return
    assert text[found.start] == "{"
    assert text[found.end - 1] == "}"
    json.dumps(found.value, allow_nan=False, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2,],}', {"a": [1, 2]}),
        ("{'a': True, 'b': None}", {"a": True, "b": None}),
        ('{"a": 1 // why\n}', {"a": 1}),
        ('{"a": /* why */ 1}', {"a": 1}),
        ('{"a": "x", # why\n "b": None}', {"a": "x", "b": None}),
        ('{"a": "http://x/#y",}', {"a": "http://x/#y"}),
        ('{"a": "x\ny"}', {"a": "x\ny"}),
        ('{"a": "x\ny",}', {"a": "x\ny"}),
        ("{a: 1}", {"a": 1}),
        ('{"a": "he said "hi" to"}', {"a": 'he said "hi" to'}),
        ("{'a': \"it's\"}", {"a": "it's"}),
        ("{'a': 'it\\'s'}", {"a": "it's"}),
        ("{'a': 'it's'}", {"a": "it's"}),
        ("{“a”: “x”}", {"a": "x"}),
        ('{"a": "\\d+"}', {"a": "\\d+"}),
        ('{"a": 1.50, "b": 1e3, "c": -2,}', {"a": 1.5, "b": 1000.0, "c": -2}),
        ('{"ä": "\\u00e9t\\u00e9",}', {"ä": "été"}),
        ('{"a": "日本語、", "b": "x",}', {"a": "日本語、", "b": "x"}),
        ('{{"a": 1}}', {"a": 1}),
        ("```python\n{'a': False}\n```", {"a": False}),
        ("{}", {}),
    ],
)
def test_nearly_valid_json_with_one_reading_is_read(text, value):
    assert read_object(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no", "there is no JSON object"),
        ("the set {1, 2}", "there is no JSON object"),
        ('{"a": 1', "not valid"),
        ('{"a": "unfinished', "not valid"),
        ('{"a": {"b": 1}', "not valid"),
        ('{"a": [1, 2}', "not valid"),
        ('{"a": "x}', "not valid"),
        ('{"a": }', "not valid"),
        ('{"a": "b" "c"}', "not valid"),
        ('{"a": "b" + "c"}', "not valid"),
        ("{'a': 'b''c'}", "not valid"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("{'a': NaN}", "not valid"),
        ('{"a": 1, "a": 2}', "'a' is there more than once"),
        ("{'a': 1, 'a': 2}", "not valid"),
        (r'{"a": "\ud800"}', "half of a"),
        (r'{"a": "\ud800",}', "half of a"),
        ('{"a":' * 100_000, "too deep"),
        ("{'a':" * 200 + "1" + "}" * 200, "not valid"),
        ('{"a": ' + "9" * 5000 + "}", "not valid"),
    ],
)
def test_what_takes_a_guess_to_read_is_refused(text, problem):
    with pytest.raises(Unusable, match=problem):
        read_object(text)


def test_among_several_objects_the_one_is_taken_that_can_be_meant():
    assert read_object('{"a": 1} and again {"a": 1}') == {"a": 1}
    assert read_object('As {"type": "object"} says: {"a": 1}', ["a", "b"]) == {"a": 1}
    assert read_object('Not {"a": 1} but\n```json\n{"a": 2}\n```', ["a"]) == {"a": 2}
    assert read_object('Not {"a": oh " no} but\n```json\n{"a": 2}\n```') == {"a": 2}
    for text in ('{"a": 1} or {"a": true}', '[{"a": 1}, {"a": 2}]', '```\n{"a": 1}\n```\n```\n{"a": 2}\n```'):
        with pytest.raises(Unusable, match="more than one JSON object"):
            read_object(text, ["a"])


def test_an_object_says_where_it_is():
    text = "So: {'a': 1} it is."
    found = find_object(text)
    assert text[found.start : found.end] == "{'a': 1}"


def test_what_an_error_quotes_is_short():
    assert shortened({"a": "x"}) == '{"a": "x"}'
    assert len(shortened("x" * 10_000)) < 300
