"""A small campaign, once, and its best candidate as a plug-in."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import evolve
from evolve.benchmark import Benchmark, find
from evolve.campaign import build
from evolve.config import CampaignConfig
from evolve.journal import RunRecord
from evolve.plugins.export import export
from evolve.plugins.manifest import MANIFEST, PROGRAM, Manifest, Provenance, item_schema, sha256
from evolve.program import MemoryProgram
from evolve.records import Candidate
from evolve.runs.history import RunHistory
from tests.plugins.inline import InlineSandbox

NAME = "my-memory"
CONFIG = CampaignConfig.model_validate(
    {
        "seeds": ["lexical", "hybrid"],
        "budget": 2,
        "jobs": 1,
        "sandbox": {"backend": "process"},
        "evaluation": {"static": 12, "rotating": 4},
    }
)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run of two children on chronicle."""
    root = tmp_path_factory.mktemp("runs")
    with build(CONFIG, root=root, name="small", unsafe_local=True, notify=lambda _: None) as campaign:
        campaign.run(lambda _: None)
    return RunRecord.open(root, "small")


@pytest.fixture(scope="session")
def chronicle() -> Benchmark:
    """What it searched on."""
    return find(CONFIG.benchmark).load(None, {})


@pytest.fixture
def history(finished: RunRecord) -> RunHistory:
    """What happened in it."""
    return RunHistory.read(finished)


Exporter = Callable[..., Path]


@pytest.fixture
def exporter(finished: RunRecord, history: RunHistory, tmp_path: Path) -> Exporter:
    """Exports a candidate of the run, the seed ``hybrid`` if none is given: it embeds."""

    def exported(candidate: Candidate | None = None, name: str = NAME) -> Path:
        chosen = candidate or next(c for c in history.candidates if c.name == "hybrid")
        return export(finished, history, chosen, name=name, out=tmp_path / "plugins", licence="Apache-2.0")

    return exported


@pytest.fixture
def plugin(exporter: Exporter) -> Path:
    """The folder of an exported plug-in."""
    return exporter()


NOTEBOOK = """
import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = "Note it."
INSTRUCTION_QUERY = "Ask it."
INSTRUCTION_RESPONSE = "Say it."
ALWAYS_ON_KNOWLEDGE = ""


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "what was said"})


@dataclass
class Query:
    question: str = field(metadata={"description": "what is asked"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.lines = []
        self.reads = 0

    def write(self, item, raw_text):
        self.lines.append(raw_text)
        if "crash" in raw_text:
            import os
            os._exit(3)
        if "refuse" in raw_text:
            raise ValueError("not this one")
        if "summarise" in raw_text:
            self.lines[-1] = self.toolkit.llm_completion([{"role": "user", "content": raw_text}])

    def read(self, query):
        self.reads += 1
        if "crash" in query.question:
            import os
            os._exit(3)
        return f"read {self.reads}: " + " | ".join(self.lines)[-2000:]
"""
"""A program that keeps what it is given, counts its reads, and fails or asks a model where it is told to."""


@pytest.fixture
def notebook() -> str:
    """The source of a program to be changed."""
    return NOTEBOOK


@pytest.fixture
def bind(tmp_path: Path) -> Callable[..., Path]:
    """Makes a plug-in of the source of a program."""

    def bound(source: str = NOTEBOOK, name: str = "notebook") -> Path:
        program = MemoryProgram(source)
        manifest = Manifest(
            name=name,
            evolve="0.1.0",
            licence="Apache-2.0",
            program=program.id,
            benchmark="none",
            scores=(),
            models=(),
            limits={},
            dimension=None,
            item_schema=item_schema(program.parts),
            provenance=Provenance(run="none", number=0, lineage=()),
            files={PROGRAM: sha256(source.encode())},
        ).sealed()
        folder = tmp_path / f"plugin-{program.id}-{name}"
        folder.mkdir()
        (folder / PROGRAM).write_text(source)
        (folder / MANIFEST).write_text(manifest.model_dump_json())
        return folder

    return bound


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> type[InlineSandbox]:
    """The name of a sandbox in this process, which opens at once."""
    monkeypatch.setattr("evolve.registry.REGISTRY._added", {})
    evolve.register.sandbox("inline", InlineSandbox)
    InlineSandbox.opened.clear()
    return InlineSandbox


@pytest.fixture
def start() -> Iterator[Callable[[list[str]], tuple[str, subprocess.Popen[str]]]]:
    """Starts servers over HTTP, whose end is waited for."""
    running: list[subprocess.Popen[str]] = []

    def started(options: list[str]) -> tuple[str, subprocess.Popen[str]]:
        command = [sys.executable, "-m", "evolve", "serve", *options, "--http", "127.0.0.1:0"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        running.append(server)
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+/mcp", line):
                return found[0], server
        raise AssertionError("the server ended")

    yield started
    for server in running:
        server.terminate()
        server.communicate(timeout=20)
