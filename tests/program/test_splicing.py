from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.program.layout import lines_in_strings, string_lines
from evolve.program.splicing import Editing, SplicedText, SpliceError, replace_nodes, texts_of

TEXT = '''import re

# one
# two
ONE = 1


def f(x):
    """Doc."""
    a = 1

    b = 2
    return a


def g():
    return 3
'''


def test_splices_made_at_once_are_those_made_one_after_another():
    source = SplicedText(TEXT)
    body = source.tree.body
    function = body[2]
    assert isinstance(function, ast.FunctionDef)
    edit = Editing(source)
    edit.remove(function.body[2])
    edit.replace(function.body[1], "a = [\n    1,\n]")
    edit.remove(body[1])
    edit.remove(body[3])
    assert source.text == TEXT

    step = SplicedText(source.without(function.body[2]))
    step = SplicedText(step.replaced(step.tree.body[2].body[1], "a = [\n    1,\n]"))  # type: ignore[attr-defined]
    step = SplicedText(step.without(step.tree.body[1]))
    assert edit.text == step.without(step.tree.body[2])
    ast.parse(edit.text)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_statements_of_a_program_can_be_taken_out_at_once(host, data):
    source = SplicedText(host)
    count = len(source.tree.body)
    chosen = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    edit = Editing(source)
    for number in chosen:
        edit.remove(source.tree.body[number])
    left = [ast.dump(node) for number, node in enumerate(source.tree.body) if number not in chosen]
    assert [ast.dump(node) for node in ast.parse(edit.text).body] == left
    text, present = host, list(range(count))
    for number in chosen:
        text = SplicedText(text).without(SplicedText(text).tree.body[present.index(number)])
        present.remove(number)
    assert edit.text == text


def test_comments_given_with_a_statement_take_the_place_of_those_above():
    source = SplicedText(TEXT)
    assert "# one\n# two\nONE = 2" in source.replaced(source.tree.body[1], "ONE = 2")
    replaced = source.replaced(source.tree.body[1], "ONE = 2", comments=["# new"])
    assert "import re\n\n# new\nONE = 2\n" in replaced


def test_a_statement_can_be_put_at_the_end():
    source = SplicedText("class A:\n    def f(self):\n        return 1\n\n    x = 1\n")
    inner = source.tree.body[0].body[0]  # type: ignore[attr-defined]
    assert source.moved_to_end(inner) == "class A:\n\n    x = 1\n\n\n\ndef f(self):\n    return 1"
    assert SplicedText("x = 1\n\n").appended("y = 2", gap=1) == "x = 1\n\ny = 2\n"


def test_statements_that_share_a_line_stay():
    source = SplicedText("a = 1; b = 2\n")
    edit = Editing(source)
    with pytest.raises(SpliceError, match="line 1"):
        edit.remove(source.tree.body[0])
    assert edit.text == source.text


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_nodes_are_found_and_replaced_whatever_ends_the_lines(newline):
    text = newline.join(["é = 'ü'; x = (1,", "  2)", "y = 'ß'", ""])
    body = ast.parse(text).body
    assert texts_of(text, [body[1], body[2].value]) == [f"x = (1,{newline}  2)", "'ß'"]  # type: ignore[attr-defined]
    assert replace_nodes(text, {body[1]: "x = 3", body[2]: "z"}) == newline.join(["é = 'ü'; x = 3", "z", ""])


PARTS = st.sampled_from(
    ['"', "'", '"""', "'''", "\\", "\n", "#", "a", "{", "}", " ", "f", "r", "b", "(", ")", "=", "1", ";"]
)


@given(st.lists(PARTS, max_size=25).map("".join))
def test_lines_in_strings_are_found_without_tokens(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return
    assert string_lines(text) == lines_in_strings(text)


@given(st.lists(st.text(st.sampled_from("\"'\\\n#{}ab"), max_size=8).map(repr), max_size=6), st.booleans())
def test_lines_in_strings_among_literals(texts, triple):
    texts = [text.replace("\\n", "\\\n" if not triple else "\n") for text in texts]
    quote = '""' if triple else ""
    lines = [f"x = {quote}{text}{quote}  # it's\n" for text in texts]
    for line in lines:
        try:
            ast.parse(line)
        except SyntaxError:
            continue
        assert string_lines("(\n" + line[4:] + ")\n" + line) == lines_in_strings(
            "(\n" + line[4:] + ")\n" + line
        )


def test_lines_in_strings_of_programs(seeds, style):
    for text in (style, *seeds.values()):
        assert string_lines(text) == lines_in_strings(text)
