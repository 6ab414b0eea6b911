"""What the tests of the sandboxes share. ``conformance.py`` is collected like a test module."""

from __future__ import annotations

import datetime
import hashlib
import platform
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from evolve.errors import InfrastructureError
from evolve.records import Usage
from evolve.sandboxes.protocol import Completion, Limits, Sandbox

pytest.register_assert_rewrite("tests.sandboxes.conformance")

TEMPLATE = """\
from __future__ import annotations
import os, sys, time
from dataclasses import dataclass, field
from typing import Optional
INSTRUCTION_KNOWLEDGE_ITEM = INSTRUCTION_QUERY = INSTRUCTION_RESPONSE = "x"
ALWAYS_ON_KNOWLEDGE = ""
{top}

@dataclass
class KnowledgeItem:
    text: str = field(metadata={{"description": "what happened"}})
    tags: list[str] = field(default_factory=list)

@dataclass
class Query:
    text: str
    k: Optional[int] = None

class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []
{init}

    def write(self, item, raw_text):
{write}

    def read(self, query):
{read}
"""

Program = Callable[..., str]


class FakeServices:
    """Vectors from the hash of a text; a model that echoes; both fail when ``broken``."""

    def __init__(self) -> None:
        self.broken = False
        self.embedded: list[str] = []
        self.prompts: list[list[dict[str, str]]] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        if self.broken:
            raise InfrastructureError("The embedding provider is down.")
        self.embedded += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        vectors = np.stack([np.random.default_rng(seed).normal(size=16) for seed in seeds])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        if self.broken:
            raise InfrastructureError("The model provider is down.")
        self.prompts.append(messages)
        return Completion(
            text=f"{options.get('temperature')}: {messages[-1]['content']}",
            usage=Usage(calls=1, tokens_in=7),
        )


@pytest.fixture
def record_attack(request: pytest.FixtureRequest, record_property: Any) -> Callable[[str, str], None]:
    """Puts an attack and what became of it into the table, under the backend of the test."""

    def record(attack: str, outcome: str) -> None:
        backend = next(
            request.getfixturevalue(name).isolation
            for name in ("confining_sandbox", "sandbox")
            if name in request.fixturenames
        )
        record_property("attack", (attack, backend, outcome))

    return record


@pytest.fixture
def services() -> FakeServices:
    return FakeServices()


@pytest.fixture
def limits() -> Limits:
    """Time enough for a machine that is busy with other work; who tests a deadline sets it."""
    return Limits(call_seconds=60, load_seconds=60, memory_mb=256, stderr_bytes=500_000)


@pytest.fixture(scope="session")
def program() -> Program:
    """Source of a program with the given statements in its places."""

    def make(top: str = "", init: str = "pass", write: str = "pass", read: str = "return ''") -> str:
        def inside(code: str) -> str:
            return textwrap.indent(textwrap.dedent(code).strip(), " " * 8)

        return TEMPLATE.format(
            top=textwrap.dedent(top), init=inside(init), write=inside(write), read=inside(read)
        )

    return make


@pytest.fixture(scope="session")
def docker_sandbox() -> Iterator[Sandbox]:
    from evolve.sandboxes.docker import DockerSandbox

    try:
        sandbox = DockerSandbox.connect()
    except InfrastructureError as error:
        pytest.skip(f"no Docker sandbox: {error}")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def process_sandbox() -> Iterator[Sandbox]:
    from evolve.sandboxes.process import ProcessSandbox

    sandbox = ProcessSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def bwrap_sandbox() -> Iterator[Sandbox]:
    from evolve.sandboxes.bwrap import BwrapSandbox

    problem = BwrapSandbox.probe()
    if problem is not None:
        pytest.skip(f"no bubblewrap: {problem}")
    sandbox = BwrapSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(
    scope="session", params=["process", "bwrap", pytest.param("docker", marks=pytest.mark.docker)]
)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend in turn."""
    return request.getfixturevalue(f"{request.param}_sandbox")


@pytest.fixture(scope="session", params=["bwrap", pytest.param("docker", marks=pytest.mark.docker)])
def confining_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend in turn that keeps a program from the files, processes and network of the host."""
    return request.getfixturevalue(f"{request.param}_sandbox")


LONG = {"test_reward_hacks.py": "[bwrap [process", "test_latency.py": "[bwrap", "conformance.py": "[bwrap"}
"""Files, with the beginnings of the parameters whose tests are marked slow; those with Docker are not."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that ``LONG`` names slow, before tests are chosen by their marks."""
    for item in items:
        if any(beginning in item.name for beginning in LONG.get(item.path.name, "").split()):
            item.add_marker(pytest.mark.slow)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    # One that is named on the command line is collected anyway.
    if file_path.name == "conformance.py" and not parent.session.isinitpath(file_path):
        return pytest.Module.from_parent(parent, path=file_path)
    return None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--attack-table", type=Path, metavar="FILE", help="write backend × attack → outcome as Markdown"
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--attack-table")
    if path is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(AttackTable(path))


class AttackTable:
    """What ``record_attack`` was told by tests that passed, as a table."""

    BACKENDS = ("docker", "bwrap", "process")
    MISSING: ClassVar = {"docker": "not tried", "bwrap": "not tried", "process": "not promised"}

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "attack" and report.when == "call" and report.passed:
                attack, backend, outcome = cast("tuple[str, str, str]", value)
                self._outcomes.setdefault(attack, {})[backend] = outcome

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus != 0 or not self._outcomes:
            print(f"\n{self._path} was not written: not all tests passed")
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._text(), "utf-8")

    def _text(self) -> str:
        rows = [
            f"| {attack} | "
            + " | ".join(found.get(backend, self.MISSING[backend]) for backend in self.BACKENDS)
            + " |"
            for attack, found in sorted(self._outcomes.items())  # workers of xdist report in any order
        ]
        return "\n".join(
            [
                "# Attacks on each sandbox",
                "",
                "Written by `python -m pytest tests/sandboxes -k 'named_failure or confinement or "
                "reward_hacks' -m '' --attack-table docs/sandbox-attacks.md` on "
                f"{datetime.date.today()} ({_versions()}), from tests that passed. *Ended* names the kind of "
                "failure that the program is charged with; *gains nothing* means that score and next "
                "candidate are as without the attack; *loses*, that the score is at most that. Where it "
                "says *not promised*, the backend does not "
                "hold that back and nobody tried: a bare process (`--unsafe-local`) keeps to time and "
                "memory, and confines nothing. bubblewrap has no cgroup, so that memory is limited for each "
                "process and files only by their size together.",
                "",
                f"| attack | {' | '.join(self.BACKENDS)} |",
                f"|---|{'---|' * len(self.BACKENDS)}",
                *rows,
                "",
            ]
        )


def _versions() -> str:
    """The versions of the engine and of bubblewrap, where they are there."""
    from evolve.sandboxes.engine import connect, identify

    said = [f"Linux {platform.release()}"]
    try:
        client = connect()
        engine = identify(client)
        said.append(f"{engine.name} engine {engine.version}")
        client.close()
    except InfrastructureError:
        said.append("no Docker engine")
    found = shutil.which("bwrap")
    if found:
        said.append(subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip())
    return ", ".join(said)
