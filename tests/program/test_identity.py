from __future__ import annotations

import pytest

from evolve.errors import UsageError
from evolve.program import MemoryProgram


def same(a: str, b: str) -> bool:
    return MemoryProgram(a).fingerprint == MemoryProgram(b).fingerprint


@pytest.mark.parametrize(
    "pair",
    [
        ("    def write", "\n\n    # a comment\n    def write"),
        ("self.notes = []", "self.notes = [\n        ]  # none"),
        ('"""A program that keeps the contract."""', '"""Another sentence."""'),
        ('"""A program that keeps the contract."""\n', ""),
        ("class KnowledgeBase:\n", 'class KnowledgeBase:\n    """A docstring."""\n\n'),
        ("        self.notes = []", '        """A docstring."""\n        self.notes = []'),
        ("KNOBS = {", 'COMMIT_MESSAGE = "why"\nKNOBS = {'),
        ("KNOBS = {", 'COMMIT_MESSAGE: str = "why"\nKNOBS = {'),
        ('"Ask."', "'A' 'sk.'"),
        ('"Ask."', "u'Ask.'"),
        ("(5, 1, 20)", "(0x5, 1, 2_0)"),
    ],
)
def test_what_does_not_matter(source, edited, pair):
    text = edited(pair)
    assert same(source, text)
    assert MemoryProgram(source).id != MemoryProgram(text).id


@pytest.mark.parametrize(
    "pair",
    [
        ('"Ask."', '"Ask!"'),
        ('"Ask."', 'b"Ask."'),
        ("(5, 1, 20)", "(6, 1, 20)"),
        ("(5, 1, 20)", "(5.0, 1, 20)"),
        ("(5, 1, 20)", "(5, True, 20)"),
        ("(5, 1, 20)", "[5, 1, 20]"),
        ("self.notes.append(raw_text)", "self.notes.append(item)"),
        ('"What happened"', '"What occurred"'),
        ("[:3000]", "[3000:]"),
        ("[:3000]", ""),
        ("    def write(self, item, raw_text)", "    def write(self, raw_text, item)"),
        ("self.notes = []", "self.notes = [[]]"),
        ("self.notes = []", "self.notes = []\n        'not a docstring'"),
        ("KNOBS = {", 'OTHER_MESSAGE = "why"\nKNOBS = {'),
    ],
)
def test_what_matters(source, edited, pair):
    assert not same(source, edited(pair))


def test_a_lone_docstring_is_a_pass():
    assert same('def f():\n    """Does nothing."""\n', "def f():\n    pass\n")
    assert same('class A:\n    """Is nothing."""\n', "class A:\n    pass\n")


def test_a_commit_message_inside_of_a_class_is_part_of_the_program():
    assert not same("class A:\n    COMMIT_MESSAGE = 'a'\n", "class A:\n    COMMIT_MESSAGE = 'b'\n")


def test_siblings_do_not_run_into_each_other():
    assert not same("f(a, b)\nc", "f(a)\nb\nc")
    assert not same("if x:\n    a\n    b\n", "if x:\n    a\nb\n")
    assert not same("if x:\n    a\nelse:\n    b\n", "if x:\n    a\n    b\n")
    assert not same("x = [a, [b]]", "x = [[a], b]")
    assert not same("def f(a, b=1): pass", "def f(a=1, *, b): pass")


def test_numbers_of_many_digits():
    long = "0x" + "f" * 5000
    assert same(f"x = {long}", f"x = ({long})")
    assert not same(f"x = {long}", f"x = {long}f")


def test_the_id_is_of_the_bytes(source):
    program = MemoryProgram(source)
    assert len(program.id) == 12
    assert int(program.id, 16) >= 0
    assert program.id == MemoryProgram(source, name="other").id
    assert program.id != MemoryProgram(source + "\n").id


def test_lines_of_code(source):
    assert MemoryProgram("# a\n\nx = 1\n  # b\ny = 2  # c\n").lines == 2
    assert MemoryProgram(source).lines == len([line for line in source.splitlines() if line])


def test_from_file(tmp_path, source):
    path = tmp_path / "mine.py"
    path.write_bytes(source.replace("\n", "\r\n").encode())
    program = MemoryProgram.from_file(path)
    assert (program.name, program.source) == ("mine", source)


@pytest.mark.parametrize("kind", ["missing", "folder", "latin"])
def test_from_file_says_what_is_wrong(tmp_path, kind):
    path = tmp_path / "x.py"
    if kind == "folder":
        path.mkdir()
    if kind == "latin":
        path.write_bytes("x = 'é'".encode("latin-1"))
    expected = {"missing": "no program at", "folder": "is a folder", "latin": "is not UTF-8 text"}
    with pytest.raises(UsageError, match=expected[kind]):
        MemoryProgram.from_file(path)
