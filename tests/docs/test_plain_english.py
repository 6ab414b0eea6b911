"""Docstrings, messages and pages are in plain English: no riddles, no archaic idioms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUESTIONS = frozenset("What Who Whoever Whose Whom How Whether Which Why When Where Whence".split())  # noqa: SIM905
"""First words of a docstring that asks instead of saying; a noun phrase or an imperative is expected."""
RIDDLES = frozenset(
    """As At Also But By Can Does For From Has Here If Is It Its Nobody Nothing Of On One Once Or Since So
    Some Somebody Something That Then There These They This Those To Too Until While With""".split()  # noqa: SIM905
)
"""First words of a fragment that makes sense only with the name or the code, such as "Of the file."."""
MOST_QUESTIONS = 0.02
IDIOMS = re.compile(
    r"\b(albeit|dearest|forthwith|hence|herein|hither\w*|lest|mends?|mended|mending|naught|nought|ought|thence"
    r"|thereby|therein|thereof|unto|whatsoever|whence|whereby|wherein|whereof|whoever|whomever|whosoever)\b"
    r"|\bof (old|before|late)\b|\blies? beside\b|\bgoes home\b|\btake(s|n)? (a program )?home\b|\bthe house\b"
    r"|\bfor want of\b|\bcomes? round\b|\bnot told apart\b|\bwithout end\b|\bat all times\b|\bbe it\b"
    r"|\bthe likes of\b|\bof no account\b|\bgive(s|n)? the lock back\b|\bnot to be had\b"
    r"|\bstands? in the place of\b|\bwhat (came|comes|became|becomes) of\b|\bno more may be spent\b"
    r"|\bbut for\b",
    re.IGNORECASE,
)
"""Archaic or private idioms: each has a common word, such as fix for mend, or result for what came of it."""
OF_OTHERS = frozenset({"Connection", "Host", "Tree"})
"""Names of other packages and protocols that docstrings mention."""
SENT_TO_MODELS = ("edits", "reflection")
"""Packages of ``evolve/mutation`` whose texts are prompts: their words are part of what was measured."""
RECORDED = ("real-models.md", "performance.md")
"""Pages with recorded terminal output."""


def modules() -> Iterator[tuple[Path, str]]:
    """Modules of the package with their source, except for fragments, which are parts of programs."""
    for path in sorted((ROOT / "evolve").rglob("*.py")):
        if "fragments" not in path.parts:
            yield path, path.read_text()


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Docstrings of modules, classes, functions and attributes, with their line."""
    for node in ast.walk(ast.parse(source)):
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(node, part, None)
            for statement in statements if isinstance(statements, list) else ():
                value = statement.value if isinstance(statement, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield statement.lineno, value.value


def opening(docstring: str) -> str:
    """First word of a docstring, without quotes and backticks before it."""
    found = re.match(r"[^A-Za-z]*([A-Za-z]+)", docstring)
    return found[1] if found else ""


def openings(words: frozenset[str]) -> tuple[list[str], int]:
    """Docstrings that open with one of ``words``, and the number of all docstrings."""
    everything = [(path, line, text) for path, source in modules() for line, text in docstrings(source)]
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path, line, text in everything
        if not text.lstrip().startswith("`") and opening(text) in words
    ]
    return found, len(everything)


def test_docstrings_do_not_open_with_a_question() -> None:
    found, total = openings(QUESTIONS)
    print(f"{len(found)} of {total} docstrings open with a question word ({len(found) / total:.1%})")
    assert total > 2_000
    assert len(found) <= MOST_QUESTIONS * total, "\n".join(found)


def test_docstrings_do_not_open_with_a_riddle() -> None:
    found, _ = openings(RIDDLES)
    assert found == []


@pytest.mark.parametrize(
    ("docstring", "word"),
    [("What comes.", "What"), ("``run`` of a job.", "run"), ("... Of it", "Of"), ("", "")],
)
def test_the_first_word_is_found(docstring: str, word: str) -> None:
    assert opening(docstring) == word


def test_docstrings_of_all_kinds_are_found() -> None:
    source = (
        '"""Module."""\nx = 1\n"""Attribute."""\nclass A:\n    """Class."""\n    def f():\n        """F."""'
    )
    assert sorted(text for _, text in docstrings(source)) == ["Attribute.", "Class.", "F.", "Module."]


def test_the_classes_that_are_named_are_there() -> None:
    """Names such as ``Worker`` and ``Worker.alive`` in double backticks."""
    sources = [source for _, source in modules()]
    code = "\n".join(re.sub(r'(?s:""".*?""")|#.*', "", source) for source in sources)
    known = set(re.findall(r"\w+", code))
    named = {name for source in sources for name in re.findall(r"``([A-Z]\w*[a-z]\w*(?:\.\w+)?)``", source)}
    assert len(named) > 100
    assert {name for name in named if not known.issuperset(name.split("."))} <= OF_OTHERS


def test_the_package_has_no_archaic_idioms() -> None:
    """Docstrings, comments and messages alike; names in code count as well."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, source in modules()
        if not set(SENT_TO_MODELS) & set(path.parts)
        for number, line in enumerate(source.splitlines(), 1)
        if IDIOMS.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "page",
    [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
        if path.name not in RECORDED
    ],
)
def test_pages_have_no_archaic_idioms(page: str) -> None:
    text = (ROOT / page).read_text()
    found = [f"{n}: {line}" for n, line in enumerate(text.splitlines(), 1) if IDIOMS.search(line)]
    assert found == []


@pytest.mark.parametrize(
    "text", ["Whoever asks waits.", "what came of it", "killed for want of memory", "Mend it."]
)
def test_idioms_are_recognised(text: str) -> None:
    assert IDIOMS.search(text)
