"""Shapes in which models give edits: each has one reading, whatever form was asked for."""

from __future__ import annotations

import json
import textwrap
from typing import get_args

import pytest

from evolve.mutation.edits import EditError, EditName, NoChange, read_edit
from evolve.mutation.edits.envelope import opened_envelope

SOURCE = '''"""Demo."""
import re

class KnowledgeBase:
    def __init__(self, toolkit):
        self.rows = []
        self.limit = 5

    def write(self, item, raw_text):
        self.rows.append(raw_text)

    def read(self, query):
        # newest first
        found = [r for r in self.rows if query.topic in r]
        return "\\n".join(found[: self.limit])
'''
OPEN, MIDDLE, CLOSE = "<" * 7 + " SEARCH", "=" * 7, ">" * 7 + " REPLACE"
OLD, NEW = "        self.limit = 5", "        self.limit = 9"
MESSAGE = "MESSAGE: return more rows\n\n"
WANTED = SOURCE.replace("= 5", "= 9")


def block(old: str = OLD, new: str = NEW) -> str:
    return f"{OPEN}\n{old}\n{MIDDLE}\n{new}\n{CLOSE}"


def fenced(code: str, info: str = "python") -> str:
    return f"```{info}\n{code}\n```"


DRAFT = block("        self.rows = []", "        self.rows = {}")
PATCH = f"@@ -5,3 +5,3 @@\n         self.rows = []\n-{OLD}\n+{NEW}"
INIT = "def __init__(self, toolkit):\n    self.rows = []\n    self.limit = 9"

BLOCKS = {
    "plain": MESSAGE + block(),
    "carriage returns": (MESSAGE + block()).replace("\n", "\r\n"),
    "in a fence": MESSAGE + fenced(block()),
    "all in a fence": fenced(MESSAGE + block(), ""),
    "all in a fence, prose around": f"Here it is:\n\n{fenced(MESSAGE + block(), 'diff')}\nHope it helps.",
    "fences inside": MESSAGE + block(fenced(OLD), fenced(NEW)),
    "message after": block() + "\n\nMESSAGE: return more rows",
    "file name": MESSAGE + block().replace("SEARCH", "SEARCH program.py"),
    "colon": MESSAGE + block().replace("SEARCH", "SEARCH:"),
    "blanks at the end": MESSAGE + block(OLD + "   "),
    "tabs": MESSAGE + block("\t\tself.limit = 5", "\t\tself.limit = 9"),
    "non-breaking space": MESSAGE + block(OLD.replace(" = ", "\u00a0= ")),
    "other blanks": MESSAGE + block("self.limit=5", "self.limit = 9"),
    "part of a line": MESSAGE + block("limit = 5", "limit = 9"),
    "blank lines at the edges": MESSAGE + block(f"\n{OLD}\n", f"\n{NEW}\n"),
    "blank line left out": MESSAGE
    + block(f"{OLD}\n    def write(self, item, raw_text):", f"{NEW}\n\n    def write(self, item, raw_text):"),
    "marks of different lengths": MESSAGE + block().replace(MIDDLE, "====="),
    "names of branches": MESSAGE + f"<<<<<<< HEAD\n{OLD}\n=======\n{NEW}\n>>>>>>> theirs",
    "draft in thoughts": f"<think>\nMaybe\n{DRAFT}\nNo.\n</think>\n{MESSAGE}{block()}",
    "draft message in thoughts": f"<think>\nMESSAGE: use a dict\n{DRAFT}\n</think>\n{MESSAGE}{block()}",
    "open fence in thoughts": f"<think>\n```python\nself.limit\n</think>\n{MESSAGE}{block()}",
    "message in bold": f"**MESSAGE:** return more rows\n\n{block()}",
    "message below a heading": f"### MESSAGE\nreturn more rows\n\n{block()}",
    "message in the next line": f"MESSAGE:\nreturn more rows\n\n{block()}",
    "message in a fence": f"MESSAGE:\n```\nreturn more rows\n```\n\n{block()}",
    "message in a tag": f"<message>return more rows</message>\n{block()}",
    "message in a list": f"1. **MESSAGE**: return more rows\n2. Edit:\n{block()}",
    "JSON": json.dumps({"message": "return more rows", "edits": [{"search": OLD, "replace": NEW}]}),
    "JSON in a fence": fenced(
        json.dumps({"message": "return more rows", "changes": [{"old": OLD, "new": NEW}]}), "json"
    ),
    "JSON in prose": "Here:\n"
    + json.dumps({"message": "return more rows", "edits": {"old_string": OLD, "new_string": NEW}})
    + "\nDone.",
    "a fence for each side": MESSAGE + f"Search:\n{fenced(OLD)}\nReplace with:\n{fenced(NEW)}",
}
PATCHES = {
    "in a fence": MESSAGE + fenced(PATCH, "diff"),
    "without a fence": MESSAGE + PATCH,
    "git headers": MESSAGE
    + fenced(f"diff --git a/p.py b/p.py\nindex 1..2 100644\n--- a/p.py\n+++ b/p.py\n{PATCH}\n ", "diff"),
    "no hunk line": MESSAGE + fenced(f"--- a/p.py\n+++ b/p.py\n-{OLD}\n+{NEW}", "diff"),
    "signs alone": MESSAGE + fenced(f"-{OLD}\n+{NEW}", "diff"),
    "context without its space": MESSAGE
    + fenced(f"@@ -5,3 +5,3 @@\n        self.rows = []\n-{OLD}\n+{NEW}", "diff"),
    "wrong numbers": MESSAGE + fenced(PATCH.replace("-5,3 +5,3", "-77,9 +80,9"), "diff"),
    "no numbers": MESSAGE + fenced(PATCH.replace(" -5,3 +5,3 @@", ""), "diff"),
    "message in the fence": fenced(MESSAGE + PATCH, "diff"),
    "Begin Patch": MESSAGE + f"*** Begin Patch\n*** Update File: p.py\n{PATCH}\n*** End Patch",
}
PROGRAMS = {
    "plain": MESSAGE + fenced(WANTED),
    "a title": MESSAGE + fenced(WANTED, 'python title="program.py"'),
    "a file name": MESSAGE + fenced(WANTED, "python:program.py"),
    "no language": MESSAGE + fenced(WANTED, ""),
    "tildes": MESSAGE + f"~~~python\n{WANTED}\n~~~",
    "a usage snippet after": MESSAGE + fenced(WANTED) + f"\n\nUse it so:\n{fenced('kb.read(q)')}",
    "a command before": f"{fenced('pip install x', 'bash')}\n{MESSAGE}{fenced(WANTED)}",
    "the original before": f"Now:\n{fenced(SOURCE)}\n{MESSAGE}{fenced(WANTED)}",
    "the original in the same answer": MESSAGE + f"Old:\n{fenced(SOURCE)}\nNew:\n{fenced(WANTED)}",
    "a fence in the thoughts": f"<think>\nMESSAGE: a\n{fenced('x = 1')}\n</think>\n{MESSAGE}{fenced(WANTED)}",
    "no fence": MESSAGE + WANTED,
    "no fence, prose after": f"{MESSAGE}{WANTED}\nThis returns more rows.",
    "JSON": json.dumps({"message": "return more rows", "source": WANTED}),
    "JSON with a fence": json.dumps({"message": "return more rows", "program": fenced(WANTED)}),
    "a fence around fences": f"```markdown\n{MESSAGE}{fenced(WANTED)}\n```",
}
DEFINITIONS = {
    "a method": MESSAGE + fenced(INIT),
    "indented": MESSAGE + fenced(textwrap.indent(INIT, "    ")),
    "first line at the margin": MESSAGE + fenced(textwrap.indent(INIT, "    ").lstrip()),
    "in its class": MESSAGE + fenced("class KnowledgeBase:\n" + textwrap.indent(INIT, "    ")),
    "in a class with dots": MESSAGE
    + fenced("class KnowledgeBase:\n" + textwrap.indent(f"...\n\n{INIT}\n\n...", "    ")),
    "in a class with a comment": MESSAGE
    + fenced("class KnowledgeBase:\n" + textwrap.indent(f"{INIT}\n\n# ... rest unchanged", "    ")),
    "beside stubs": MESSAGE
    + fenced(
        "class KnowledgeBase:\n"
        + textwrap.indent(f"{INIT}\n\ndef read(self, query):\n    # same as before\n    ...", "    ")
    ),
    "dotted": MESSAGE + fenced(INIT.replace("__init__", "KnowledgeBase.__init__")),
    "tabs": MESSAGE + fenced(INIT.replace("    ", "\t")),
    "carriage returns": (MESSAGE + fenced(INIT)).replace("\n", "\r\n"),
    "message in the fence": fenced(f'message: "return more rows"\n\n# Changed method\n{INIT}'),
    "message in a comment": fenced(f"# MESSAGE: return more rows\n{INIT}"),
    "message open in backticks": f"`MESSAGE: return more rows\n\n{fenced(INIT)}",
    "no fence": f"{MESSAGE}{INIT}\n\nThis returns more rows.",
    "in a list": f"{MESSAGE}1. The method:\n{textwrap.indent(fenced(INIT), '   ')}\n2. Done",
    "given twice": f"{MESSAGE}{fenced(INIT)}\nAgain, in full:\n{fenced(INIT)}",
    "before and after": f"{MESSAGE}Before:\n{fenced(INIT.replace('9', '5'))}\nAfter:\n{fenced(INIT)}",
    "a usage example": MESSAGE + fenced(f"{INIT}\n\nkb = KnowledgeBase(toolkit)\nprint(kb.read(q))"),
    "JSON": json.dumps(
        {"message": "return more rows", "definitions": [{"name": "__init__", "source": INIT}]}
    ),
}
EVERY = [
    pytest.param(form, text, id=f"{form}: {name}")
    for form, shapes in (
        ("blocks", BLOCKS),
        ("patch", PATCHES),
        ("whole", PROGRAMS),
        ("definitions", DEFINITIONS),
    )
    for name, text in shapes.items()
]


@pytest.mark.parametrize(("form", "text"), EVERY)
@pytest.mark.parametrize("asked", get_args(EditName))
def test_a_shape_with_one_reading_gives_the_child(asked, form, text):
    edited = read_edit(text, SOURCE, asked)
    assert edited.source == WANTED
    assert (edited.message, edited.form) == ("return more rows", form)


def test_tabs_at_two_levels_become_the_programs_blanks():
    old = "\tdef write(self, item, raw_text):\n\t\tself.rows.append(raw_text)"
    edited = read_edit(block(old, old.replace("(raw_text)", "(raw_text.strip())")), SOURCE, "blocks")
    assert edited.source == SOURCE.replace("append(raw_text)", "append(raw_text.strip())")


def test_a_comment_left_out_of_a_block_stays_in_the_program():
    old = "    def read(self, query):\n        found = [r for r in self.rows if query.topic in r]"
    edited = read_edit(block(old, old.replace("in r]", "in r.lower()]")), SOURCE, "blocks")
    assert edited.source == SOURCE.replace("topic in r]", "topic in r.lower()]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (block(), "changes __init__"),
        (fenced(INIT + "\n\ndef _more(self):\n    return 1"), "changes __init__, _more"),
        (
            f"Sure! Here is it:\n\nToo few rows came back. So I raise it.\n{block()}",
            "Too few rows came back.",
        ),
        (PATCH, "changes __init__"),
    ],
)
def test_without_a_message_one_is_made(text, message):
    assert read_edit(text, SOURCE, "blocks").message == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing but thoughts"),
        (f"<think>\n{fenced(INIT)}\n</think>", "nothing but thoughts"),
        ("I would return more rows.", "There is no "),
        (block("self.rows", "self.lines"), "fits several places"),
        (f"{fenced(WANTED)}\n{fenced(SOURCE.replace('= 5', '= 8'))}", "2 whole programs that differ"),
        (f"{fenced(WANTED)}\n{fenced(INIT.replace('9', '8'))}", "another version of `__init__`"),
        (f"{fenced(INIT)}\nAlternatively:\n{fenced(INIT.replace('9', '8'))}", "two versions to choose from"),
        (f"```python\n{INIT}", "may have been cut off"),
        (f"```python\n{INIT}(", "may have been cut off"),
        (f"```python\n{WANTED}", "may have been cut off"),
        (f"```diff\n{PATCH}", "may have been cut off"),
        (f"{OPEN}\n{OLD}\n{MIDDLE}\n{NEW}", "may have been cut off"),
        (fenced(INIT + "("), "does not parse"),
        (fenced("self.limit = 9"), "begins with `self.limit = 9`"),
        (fenced("found = self.rows\nreturn found"), "There is no definition"),
        (fenced("def read(query):\n    return ''"), "does not take self"),
        (fenced("def read(self, query):\n    # same as before\n    ..."), "is left out"),
        (fenced("def _new(self):\n    # ... rest unchanged ...\n    pass"), "is left out"),
    ],
)
@pytest.mark.parametrize("asked", get_args(EditName))
def test_what_has_no_or_two_readings_is_refused(asked, text, reason):
    with pytest.raises(EditError, match=reason) as caught:
        read_edit(text, SOURCE, asked)
    assert not isinstance(caught.value, NoChange)


def test_a_finished_reply_may_lack_its_last_fence():
    assert read_edit(f"```python\n{INIT}", SOURCE, "definitions", finished=True).source == WANTED
    with pytest.raises(EditError, match="does not parse"):
        read_edit(f"```python\n{INIT}(", SOURCE, "definitions", finished=True)


@pytest.mark.parametrize(
    "text",
    [
        fenced(INIT.replace("9", "5")),
        fenced(INIT.replace("9", "5  # five")),
        fenced(SOURCE),
        fenced(
            "class KnowledgeBase:\n    def write(self, item, raw_text):\n        self.rows.append(raw_text)"
        ),
        block(OLD, OLD + "  # five"),
        fenced("import re"),
    ],
)
def test_an_edit_without_effect_is_told_apart(text):
    expected = EditError if text == fenced("import re") else NoChange
    with pytest.raises(expected):
        read_edit(text, SOURCE, "definitions")


@pytest.mark.parametrize("mark", ["\n", "`", "~", "```\n"])
def test_an_envelope_is_looked_for_in_linear_time(mark):
    """In quadratic time it would take minutes, which the time limit of the tests ends."""
    text = f"MESSAGE: x\n{mark * 200_000}x"
    assert opened_envelope(text) == text
