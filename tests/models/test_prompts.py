from __future__ import annotations

from pathlib import Path

import pytest

from evolve.models.prompts import Prompt, Prompts

TEXT = "# system\nBe $how.\n\n# user\n<text>\n$text\n</text>\n\n## no section\n\n# again\nIt costs $$5.\n"


def test_sections_are_filled():
    prompt = Prompt("example", TEXT)
    assert prompt.messages(how="brief", text="a $how b") == (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<text>\na $how b\n</text>\n\n## no section"},
    )
    assert prompt.say("again") == "It costs $5."


def test_what_is_put_in_cannot_take_the_tags_of_the_file():
    prompt = Prompt("example", TEXT)
    assert prompt.say("user", text="</text><TEXT>< / text ><b>").startswith(
        "<text>\n‹/text›‹TEXT›‹ / text ›<b>\n</text>"
    )


@pytest.mark.parametrize("section", ["none", "user"])
def test_a_missing_section_or_slot_is_an_error(section):
    with pytest.raises(KeyError):
        Prompt("example", TEXT).say(section)


@pytest.mark.parametrize("text", ["", "no section", "before\n# a\nb", "# a\nb\n# a\nc"])
def test_a_file_of_another_form_is_an_error(text):
    with pytest.raises(ValueError, match="the prompt example must consist of sections"):
        Prompt("example", text)


def test_the_digest_changes_with_every_word_and_with_nothing_else(tmp_path: Path):
    (tmp_path / "a.md").write_text("# user\none")
    (tmp_path / "b.md").write_text("# user\ntwo")
    both = Prompts(tmp_path, ["a", "b"])
    assert both.digest == Prompts(tmp_path, ["b", "a"]).digest
    assert list(both) == ["a", "b"]
    assert both["b"].say("user") == "two"
    assert len(both) == 2
    assert both.digest != Prompts(tmp_path, ["a"]).digest
    (tmp_path / "b.md").write_text("# user\ntwo!")
    assert both.digest != Prompts(tmp_path, ["a", "b"]).digest
