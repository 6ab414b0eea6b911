"""A fake toolkit, a small program, and a way to run one: for the tests of programs and of mutation."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from evolve import resources
from evolve.program import MemoryProgram
from evolve.program.additions import Additions
from evolve.program.source import Source

EPISODES = (
    "[9:10 am on 3 May, 2023]\nAnn: I like blue cheese. Do you?\nBob: No, I prefer red wine.\nAnn: Rome is.",
    "[7 June, 2023]\nBob: The wine was corked.\nCleo: What a pity.\n\nBob: I drink tea now.",
    "no heading at all " * 30,
)
QUESTION = 'What wine does Bob prefer in May, and "why" AND NEAR(not) *?'


class FakeToolkit:
    """What a program is given, in this process: exact search, embeddings by hashing, an echoing model."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.vectors = FakeVectors()
        self.chroma = SimpleNamespace(get_or_create_collection=lambda name: FakeCollection())
        self.logger = SimpleNamespace(debug=lambda text: None)

    def words(self, text: str) -> list[str]:
        return re.findall(r"[^\W_]+", text.lower())

    def embed(self, texts: list[str]) -> np.ndarray:
        rows = np.array([[self._hash(text, n) for n in range(8)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def llm_completion(self, messages: list[dict[str, str]], **options: Any) -> str:
        return messages[0]["content"][:500]

    @staticmethod
    def _hash(text: str, n: int) -> float:
        return int.from_bytes(hashlib.sha1(f"{n}{text}".encode()).digest()[:4], "big") / 2**32 - 0.5


class FakeVectors:
    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.rows: list[np.ndarray] = []

    def add(self, keys: list[Any], rows: np.ndarray) -> None:
        self.keys.extend(keys)
        self.rows.extend(rows)

    def search(self, row: np.ndarray, k: int = 5) -> list[tuple[Any, float]]:
        scores = np.array(self.rows) @ row if self.rows else np.empty(0)
        return [(self.keys[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")[:k]]


class FakeCollection:
    def __init__(self) -> None:
        self.documents: dict[str, str] = {}

    def count(self) -> int:
        return len(self.documents)

    def upsert(self, ids: list[str], documents: list[str], metadatas: list[dict[str, str]]) -> None:
        self.documents.update(zip(ids, documents, strict=True))

    def query(self, query_texts: list[str], n_results: int) -> dict[str, list[list[str]]]:
        return {"documents": [list(self.documents.values())[:n_results]]}


_modules = itertools.count()


def run_program(source: str) -> str:
    """Load it in this process, write three episodes, ask one question. Only for programs that are ours."""
    module = ModuleType(f"program_of_a_test_{next(_modules)}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    sys.modules.setdefault("chromadb", ModuleType("chromadb"))
    try:
        exec(compile(source, "<program>", "exec"), module.__dict__)
        memory = module.KnowledgeBase(FakeToolkit())
        memory.read(filled(module.Query, QUESTION))  # while it is empty
        for episode in EPISODES:
            memory.write(filled(module.KnowledgeItem, episode[:50]), episode)
        text = memory.read(filled(module.Query, QUESTION))
    finally:
        del sys.modules[module.__name__]
    assert isinstance(text, str)
    assert len(text) <= 3_000
    return text


def filled(kind: Any, text: str) -> Any:
    """An instance with the text in every field that needs a value, and as its question if it has one."""
    values = {
        f.name: [text] if "list" in str(f.type).lower() else text
        for f in dataclasses.fields(kind)
        if f.name == "question"
        or (f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
    }
    return kind(**values)


@pytest.fixture(scope="session")
def run() -> Callable[[str], str]:
    return run_program


@pytest.fixture(scope="session")
def seeds() -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted(resources.folder("seeds").glob("*.py"))}


@pytest.fixture(scope="session")
def styles() -> dict[str, str]:
    folder = Path(__file__).parent / "styles"
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.txt"))}


HOST = '''"""A host."""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Extract."
INSTRUCTION_QUERY = "Ask."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "size": (3, 1, 9),
}


def knob(name):
    return KNOBS[name][0]


@dataclass
class KnowledgeItem:
    text: str


@dataclass
class Query:
    question: str


class KnowledgeBase:
    """Notes."""

    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []

    def write(self, item, raw_text):
        self._index(re.findall("x", raw_text))

    def read(self, query):
        """Read."""
        question = query.question
        scores = {}
        scores = self._add_a(question, scores)
        # the last word
        return str(scores)[: knob("size")]

    def _index(self, fresh):
        self.notes.extend(fresh)

    def _add_a(self, question, scores):
        return {**scores, question: len(self.notes)}
'''


@pytest.fixture
def host() -> str:
    """A small valid program with a step."""
    assert MemoryProgram(HOST).problems == ()
    return HOST


def with_line(program: str, method: str, statement: str) -> str:
    """The program with a statement inserted into ``method``."""
    edit = Additions(Source(program))
    edit.line(method, statement)
    return edit.text


def with_method(program: str, name: str, text: str) -> str:
    """The program with a method added, or replaced."""
    edit = Additions(Source(program))
    edit.method(name, text)
    return edit.text


def with_field(program: str, owner: str, name: str, declaration: str) -> str:
    """The program with a field of the dataclass ``owner``, unless it has it."""
    edit = Additions(Source(program))
    edit.field(owner, name, declaration)
    return edit.text


def memory_of(source: str) -> Any:
    """An empty KnowledgeBase of a program that is ours."""
    module = ModuleType("program_of_operators")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "<program>", "exec"), module.__dict__)
        return module.KnowledgeBase(FakeToolkit())
    finally:
        del sys.modules[module.__name__]
