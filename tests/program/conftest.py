from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.program.hosts import host, run, seeds, styles

__all__ = ["host", "run", "seeds", "styles"]

PROGRAM = '''"""A program that keeps the contract."""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Extract."
INSTRUCTION_QUERY = "Ask."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (5, 1, 20),  # passages
    "decay": (0.9, 0.5, 1.0),
}


@dataclass
class KnowledgeItem:
    text: str = field(metadata={"description": "What happened"})


@dataclass
class Query:
    text: str


class KnowledgeBase:
    def __init__(self, toolkit):
        self.notes = []

    def write(self, item, raw_text):
        self.notes.append(raw_text)

    def read(self, query):
        return "\\n".join(self.notes)[:3000]
'''


@pytest.fixture
def source() -> str:
    """A valid program."""
    return PROGRAM


@pytest.fixture
def edited() -> Callable[..., str]:
    """The valid program with pieces of it replaced; each must be in it."""

    def edit(*pairs: tuple[str, str]) -> str:
        text = PROGRAM
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return text

    return edit


@pytest.fixture
def fields_of(edited) -> Callable[[str], str]:
    """The valid program with other declarations in KnowledgeItem."""

    def make(declarations: str) -> str:
        old = '    text: str = field(metadata={"description": "What happened"})'
        return edited((old, "\n".join(f"    {line}" for line in declarations.splitlines())))

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "style" in metafunc.fixturenames:
        paths = sorted((Path(__file__).parent / "styles").glob("*.txt"))
        metafunc.parametrize("style", [pytest.param(p.read_text(), id=p.stem) for p in paths])
