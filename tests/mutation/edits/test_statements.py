"""A loop or a condition that is given without its method."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.mutation.edits import EditError, NoChange, read_edit
from evolve.mutation.edits.reading import statement_applied
from evolve.mutation.edits.reply import Fence

SOURCE = """class KnowledgeBase:
    def read(self, query):
        lines = []
        for number in self.ranked(query):
            if number:
                lines.append(self.rows[number])
        return "\\n".join(lines)

    def ranked(self, query):
        for row in self.rows:
            if row:
                yield row
"""


def reply(code: str) -> str:
    return f"MESSAGE: Take the neighbour, too.\n\n```python\n{code}\n```\n"


@pytest.mark.parametrize("margin", ["", "    ", "        "])
def test_the_statement_with_the_same_first_line_is_replaced(margin: str) -> None:
    header = "for number in self.ranked(query):"
    code = f"{header}\n    lines.append(self.rows[number])\n    lines.append(self.rows[0])"
    moved = "\n".join(margin + line for line in code.split("\n"))
    found = read_edit(reply(moved), SOURCE, "definitions", finished=True)
    assert found.form == "definitions"
    assert found.message == "Take the neighbour, too."
    expected = SOURCE.replace(
        "            if number:\n                lines.append(self.rows[number])\n",
        "            lines.append(self.rows[number])\n            lines.append(self.rows[0])\n",
    )
    assert found.source == expected


@pytest.mark.parametrize(
    "code",
    [
        "for number in self.best(query):\n    lines.append(number)",  # stands nowhere
        "lines.append(self.rows[0])",  # a line, which may go anywhere
        "for number in self.ranked(query):\n    pass\nreturn 3",  # more than one statement
    ],
)
def test_what_has_no_single_place_is_no_edit(code: str) -> None:
    with pytest.raises(EditError):
        read_edit(reply(code), SOURCE, "definitions", finished=True)


def test_a_line_that_stands_twice_has_two_readings() -> None:
    twice = SOURCE.replace("if row:", "if number:")
    with pytest.raises(EditError, match="no definition"):
        read_edit(reply("if number:\n    lines.append(0)"), twice, "definitions", finished=True)


def test_the_same_statement_changes_nothing() -> None:
    with pytest.raises(NoChange):
        read_edit(reply("for row in self.rows:\n    if row:\n        yield row"), SOURCE, "definitions")


@given(st.text(alphabet="for inx:\n ()", max_size=40))
def test_any_text_is_no_statement_at_worst(code: str) -> None:
    found = statement_applied(SOURCE, Fence("python", code, True, "", 0, 3))
    assert found is None or isinstance(found, str)
