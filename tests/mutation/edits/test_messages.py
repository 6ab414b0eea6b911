"""What is said of each edit that does not fit, and what is forgiven."""

from __future__ import annotations

import pytest

from evolve.mutation.edits import EditError, apply_edit, read_answer

SOURCE = """\
import re

def first(text):
    words = text.split()
    return words

def second(text):
    words = text.split()
    if words:
        return words[0]
    return ""
"""


def block(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE"


def refusal(name, text: str, source: str = SOURCE) -> str:
    with pytest.raises(EditError) as caught:
        apply_edit(name, source, text)
    return str(caught.value)


def test_a_block_that_is_not_there_is_named_with_the_nearest_lines():
    said = refusal(
        "blocks",
        block("import re", "import re, json") + "\n" + block("    if word:\n        return words[0]", "x"),
    )
    assert said.startswith("Block 2 of 2 was not found in the program.")
    assert "lines 9 to 10" in said
    assert "expected '    if word:', found '    if words:'" in said


def test_a_block_that_resembles_nothing_says_how_it_begins():
    assert "begins with 'zzzzzz'" in refusal("blocks", block("zzzzzz", "x"))


def test_the_nearest_line_is_found_by_likeness():
    assert "found 'def second(text):'" in refusal("blocks", block("def second(texts):", "x"))


def test_a_block_that_fits_twice_is_told_where():
    said = refusal("blocks", block("    words = text.split()", "x"))
    assert "fits several places of the program, from lines 4, 8" in said


def test_every_block_that_fails_is_told_at_once():
    said = refusal("blocks", "\n".join(block(f"absent {n}", "x") for n in range(6)))
    assert said.count("was not found") == 4
    assert said.endswith("And 2 more do not fit.")


def test_overlapping_blocks_are_refused():
    said = refusal(
        "blocks",
        block("    if words:\n        return words[0]", "x") + "\n" + block("        return words[0]", "y"),
    )
    assert said.startswith("Block 1 of 2 and block 2 of 2 overlap: both replace line 10")


def test_neighbouring_blocks_are_not():
    text = block("        return words[0]", "        return words[-1]") + block(
        "    if words:", "    if True:"
    )
    with pytest.raises(EditError):  # the second begins on the line that ends the first
        apply_edit("blocks", SOURCE, text)
    text = (
        block("        return words[0]", "        return words[-1]")
        + "\n"
        + block("    if words:", "    if True:")
    )
    assert "    if True:\n        return words[-1]\n" in apply_edit("blocks", SOURCE, text)


@pytest.mark.parametrize("margin", ["", "  ", "        "])
def test_a_block_moved_sideways_is_put_back(margin):
    old = f"{margin}if words:\n{margin}    return words[0]"
    new = f"{margin}if words:\n\n{margin}    return words[1]"
    assert "    if words:\n\n        return words[1]\n    return" in apply_edit(
        "blocks", SOURCE, block(old, new)
    )


def test_white_space_at_line_ends_is_forgiven():
    edited = apply_edit(
        "blocks", SOURCE + "x = 1   \n", block("import re  ", "import json") + "\n" + block("x = 1", "x = 2")
    )
    assert edited.startswith("import json\n")
    assert edited.endswith("x = 2\n")


def test_an_indentation_that_differs_within_a_block_is_not_forgiven():
    said = refusal("blocks", block("if words:\n  return words[0]", "x"))
    assert "they differ in white space" in said


def test_forgiveness_needs_a_single_place():
    assert "fits several places" in refusal("blocks", block("words = text.split()", "x"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing", "There is no block"),
        ("<<<<<<< SEARCH\nimport re\n=======\nimport json", "may have been cut off"),
        ("<<<<<<< SEARCH\nimport re", "may have been cut off"),
        ("<<<<<<< SEARCH\nimport re\n>>>>>>> REPLACE", "has no line `=======`"),
        ("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", "use longer marks"),
        ("<<<<<<< SEARCH\na\n" + block("b", "c"), "another one begins"),
        (">>>>>>> REPLACE", "was not begun"),
        ("<<<<<<< SEARCH\n=======\nb\n>>>>>>> REPLACE", "does not say which lines"),
        (block("import re", "import re"), "leaves the program as it is"),
    ],
)
def test_blocks_that_are_not_whole(text, reason):
    assert reason in refusal("blocks", text)


def test_a_patch_whose_blank_context_lost_its_space():
    patch = "```diff\n@@ -99,9 +1,2 @@ somewhere\n import re\n\n-def first(text):\n+def initial(text):\n\n```"
    assert apply_edit("patch", SOURCE, patch).startswith("import re\n\ndef initial(text):\n    words")


def test_the_stated_line_decides_between_equal_places():
    patch = "```\n--- a/p.py\n+++ b/p.py\n@@ -{},1 +8,1 @@\n-    words = text.split()\n+    words = []\n```"
    assert apply_edit("patch", SOURCE, patch.format(8)).count("\n    words = []\n    if") == 1
    assert apply_edit("patch", SOURCE, patch.format(4)).count("\n    words = []\n    return") == 1
    assert "fits several places" in refusal("patch", patch.format(5))


def test_a_deleted_comment_of_sql_is_no_header():
    source = "a\n-- drop\n++ b\nc\n"
    patch = "```\n@@ -1 +1 @@\n a\n--- drop\n+++ more\n ++ b\n```"
    assert apply_edit("patch", source, patch) == "a\n++ more\n++ b\nc\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("@@ -1 +1 @@\n-a\n+b", "There is no fenced block"),
        ("```diff\n@@ -1 +1 @@\n-import re\n+import", "may have been cut off"),
        ("```\nimport re\n```", "before the first line `@@"),
        ("```\n--- a\n+++ b\n```", "no hunk"),
        ("```\n@@ -1 +1 @@\nimport re\n```", "begins with 'i'"),
        ("```\n@@ -1 +1 @@\n+import\n```", "Hunk 1 of 1 does not say which lines"),
        ("```\n@@ -1 +1 @@\n-import os\n+import\n```", "Hunk 1 of 1 was not found"),
    ],
)
def test_patches_that_are_not_whole(text, reason):
    assert reason in refusal("patch", text)


def test_a_whole_program():
    assert apply_edit("whole", SOURCE, "Here it is:\n```python\nx = 1\n```\nDone.") == "x = 1\n"
    assert apply_edit("whole", SOURCE, '````\nx = """\n```\n"""\n````') == 'x = """\n```\n"""\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1", "There is no fenced block"),
        ("```python\nx = 1", "may have been cut off"),
        ("```python\n\n```", "is empty"),
        ("```\nx = 1\n```\n```\ny = 2\n```", "Give one fenced block"),
        (f"```\n{SOURCE}```", "is the one that was to be changed"),
    ],
)
def test_programs_that_are_not_whole(text, reason):
    assert reason in refusal("whole", text)


@pytest.mark.parametrize(
    "line",
    [
        "MESSAGE: Say why.",
        "**Message:** Say why.",
        "> commit message :  Say   why.",
        "## COMMIT_MESSAGE: Say why.",
    ],
)
def test_the_message_is_found(line):
    answer = read_answer(f"I thought.\n{line}\nthe edit")
    assert (answer.message, answer.edit) == ("Say why.", "the edit")


def test_code_may_stand_among_the_thoughts():
    thoughts = "It does this:\n```python\nmessage: str\n```\nwhich is wrong.\n"
    answer = read_answer(f"{thoughts}MESSAGE: Mend it.\n```python\nx = 1\n```")
    assert answer.message == "Mend it."
    assert apply_edit("whole", SOURCE, answer.edit) == "x = 1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("```\nMESSAGE: in the program\n```", "is missing"),
        ("```\nMESSAGE: in a block that does not end", "is missing"),
        ("", "is missing"),
        ("MESSAGE: \x1b", "is empty"),
        (block("message: str", "x"), "is missing"),
    ],
)
def test_an_answer_without_a_message_is_refused(text, reason):
    with pytest.raises(EditError, match=reason):
        read_answer(text)


def test_a_message_is_one_bounded_printable_line():
    message = read_answer("MESSAGE: \x1b[31mred\x07\u2028" + "long " * 100).message
    assert message.startswith("[31mred long")
    assert len(message) <= 240
    assert message.endswith("…")
    assert message.isprintable()
