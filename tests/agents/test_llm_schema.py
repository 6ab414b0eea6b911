from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.llm.schema import Schema
from evolve.models.structured import Unusable, strip_thoughts
from evolve.program import FieldSpec
from evolve.program.checks import FIELD_TYPES

SCALARS = {
    "str": st.text(max_size=20),
    "int": st.integers(),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
}
WRITTEN = ("{}", "Optional[{}]", "{} | None", "None | {}", "typing.Optional[{}]", "Union[{}, None]")
HOSTILE_NAMES = (
    "model_config",
    "model_fields",
    "schema",
    "json",
    "_private",
    "__slots__",
    "field_0",
    "größe",
)


@st.composite
def schemas_and_values(draw):
    """Field specifications and a valid value for each field that is given one."""
    names = draw(
        st.lists(
            st.sampled_from(HOSTILE_NAMES) | st.from_regex(r"[a-z_]\w{0,8}", fullmatch=True),
            min_size=1,
            max_size=6,
            unique=True,
        )
    )
    specs, values = [], {}
    for name in names:
        base = draw(st.sampled_from(FIELD_TYPES))
        spec = FieldSpec(name, draw(st.sampled_from(WRITTEN)).format(base), required=draw(st.booleans()))
        specs.append(spec)
        one = SCALARS[base.removeprefix("list[").removesuffix("]")]
        value = st.lists(one, max_size=4) if base.startswith("list[") else one
        if spec.required or draw(st.booleans()):
            values[name] = draw(value | st.none() if spec.optional else value)
    return specs, values


@given(schemas_and_values(), st.sampled_from(["{}", "```json\n{}\n```", "Here it is:\n{}\nIs that right?"]))
def test_valid_fields_survive_the_way_through_json_text(drawn, frame):
    specs, values = drawn
    assert Schema("KnowledgeItem", specs).read(frame.replace("{}", json.dumps(values))) == values


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(schemas_and_values(), st.data())
def test_a_hostile_reply_is_read_or_refused_and_what_is_read_can_be_sent_on(drawn, data):
    specs, values = drawn
    names = [spec.name for spec in specs]
    replaced = data.draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=5), JSON, max_size=4))
    text = data.draw(st.text() | st.just(json.dumps(values | replaced)) | st.just(json.dumps(replaced)))
    cut = data.draw(st.integers(0, len(text)))
    try:
        found = Schema("Query", specs).read(strip_thoughts(data.draw(st.sampled_from([text, text[:cut]]))))
    except Unusable:
        return
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    assert set(found) <= set(names)
    assert {spec.name for spec in specs if spec.required} <= set(found)


@pytest.mark.parametrize(
    ("kind", "given", "read"),
    [
        ("int", '"42"', 42),
        ("int", "42.0", 42),
        ("str", "42", "42"),
        ("str", "1.5", "1.5"),
        ("float", '"0.5"', 0.5),
        ("float", "1", 1.0),
        ("bool", '"true"', True),
        ("bool", '"False"', False),
        ("bool", "1", True),
        ("list[str]", '"Ann"', ["Ann"]),
        ("list[str]", "[1, 2]", ["1", "2"]),
        ("list[int]", '["1", 2.0]', [1, 2]),
        ("list[float]", "3", [3.0]),
        ("Optional[str]", "null", None),
        ("Optional[list[str]]", '"Ann"', ["Ann"]),
        ("str", '"two\nlines"', "two\nlines"),
        ("str", '["a"]', "a"),
        ("bool", "True", True),
        ("bool", "'yes'", True),
        ("int", "[3]", 3),
        ("list[str]", '"[\\"a\\"]"', ["a"]),
        ("list[str]", '["a", "b",]', ["a", "b"]),
        ("Optional[int]", '"None"', None),
        ("Optional[int]", '""', None),
        ("Optional[str]", '"None"', "None"),
    ],
)
def test_coercions_that_do_no_harm_are_made(kind, given, read):
    found = Schema("Query", [FieldSpec("x", kind)]).read(f'{{"x": {given}}}')["x"]
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        ("int", "1.5", "fractional part"),
        ("int", "true", "not true or false"),
        ("float", "false", "not true or false"),
        ("float", "NaN", "NaN is no JSON number"),
        ("float", "1e999", "finite"),
        ("str", "true", "valid string"),
        ("str", '["a", "b"]', "valid string"),
        ("str", "null", "expected text, found null"),
        ("str", r'"\ud800"', "half of a"),
        ("bool", '"maybe"', "boolean"),
        ("bool", "2", "boolean"),
        ("list[str]", '"[a"', "valid list"),
        ("int", '"None"', "valid integer"),
        ("list[str]", "null", "valid list"),
        ("list[str]", '["a", null]', "'x', entry 2"),
        ("list[int]", "true", "not true or false"),
        ("int", "9" * 5000, "not valid"),
        ("str", '"a", "x": "b"', "more than once"),
        ("str", '"a", "y": "b"', 'no field "y"; the fields are x'),
        ("str", '"a" "b"', "not valid"),
        ("str", "{" * 100_000, "not valid"),
        ("str", '{"a":' * 100_000, "too deep"),
    ],
)
def test_nothing_is_guessed(kind, given, problem):
    with pytest.raises(Unusable, match=problem):
        Schema("Query", [FieldSpec("x", kind)]).read(f'{{"x": {given}}}')


def test_what_may_be_none_or_has_a_default_may_be_left_out_or_null():
    specs = [
        FieldSpec("a", "Optional[int]"),
        FieldSpec("b", "int", required=False),
        FieldSpec("c", "int | None", required=False),
    ]
    schema = Schema("Query", specs)
    assert schema.read("{}") == {"a": None}
    assert schema.read('{"a": null, "b": null, "c": null}') == {"a": None, "c": None}
    with pytest.raises(Unusable, match="'d' is missing"):
        Schema("Query", [FieldSpec("d", "int")]).read("{}")


def test_an_object_is_taken_out_of_another_and_keys_are_known_by_their_letters():
    schema = Schema("Query", [FieldSpec("first_name", "str"), FieldSpec("Age", "int", required=False)])
    assert schema.read('{"Query": {"first_name": "Ann"}}') == {"first_name": "Ann"}
    assert schema.read('{"First Name": "Ann", "age": 3}') == {"first_name": "Ann", "Age": 3}
    for text, problem in (
        ('{"Query": {"first_name": "Ann", "x": 1}}', 'no field "Query"'),
        ('{"first_name": "Ann", "First Name": "Bob"}', 'no field "First Name"'),
    ):
        with pytest.raises(Unusable, match=problem):
            schema.read(text)


def test_an_error_is_short_however_much_is_wrong():
    schema = Schema("Query", [FieldSpec(f"field{number}", "list[int]") for number in range(50)])
    with pytest.raises(Unusable) as caught:
        schema.read(json.dumps({f"field{number}": "x" * 10_000 for number in range(50)}))
    assert "and 45 more" in str(caught.value)
    assert len(str(caught.value)) < 2_000


def test_the_schema_is_strict_and_described():
    schema = Schema(
        "KnowledgeItem",
        [
            FieldSpec("title", "str", "In a word"),
            FieldSpec("tags", "list[str]", required=False),
            FieldSpec("year", "Optional[int]"),
        ],
    )
    assert schema.json_schema == {
        "type": "object",
        "title": "KnowledgeItem",
        "additionalProperties": False,
        "required": ["title", "tags", "year"],
        "properties": {
            "title": {"type": "string", "description": "In a word"},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "year": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
    }
    assert schema.outline.splitlines() == [
        '"title": text — In a word',
        '"tags": list of texts or null to leave it out',
        '"year": whole number or null',
    ]
