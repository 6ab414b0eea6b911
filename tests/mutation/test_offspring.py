"""Long lines of descent: whatever the operators do to each other's work, it stays a program that works."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache

import pytest

from evolve.mutation.offline import operators
from evolve.program import MemoryProgram
from evolve.program.splicing import SpliceError

GENERATIONS = 20
ROOTS = ("experience_learner", "hybrid", "lexical", "llm_summarizer", "neighbours", "vector_search")


def descend(root: str, pool: list[str], rng: random.Random, context_of) -> list[tuple[str, str]]:
    """A chain of random operators, with partners from the pool, which the children join."""
    source, chain = root, []
    while len(chain) < GENERATIONS:
        operator = rng.choice(operators())
        try:
            edit = operator.apply(source, context_of(source, partner=rng.choice(pool)), rng)
        except SpliceError:
            continue
        if edit is not None:
            source = edit.source
            pool.append(source)
            chain.append((operator.name, source))
    return chain


@pytest.fixture(scope="session")
def chains(seeds, styles, context_of):
    @cache
    def make(name: str) -> list[tuple[str, str]]:
        return descend({**seeds, **styles}[name], list(seeds.values()), random.Random(name), context_of)

    return make


@pytest.mark.parametrize(
    "root",
    [
        pytest.param(root, marks=() if root in ("lexical", "sql_timeline") else pytest.mark.slow)
        for root in (*ROOTS, "entity_ledger", "sql_timeline", "chroma_notes")
    ],
)
def test_every_child_works(chains, run, root):
    seen = set()
    for operator, source in chains(root):
        program = MemoryProgram(source)
        assert program.problems == (), operator
        run(source)
        seen.add(operator)
    assert len(seen) > 8


@pytest.mark.parametrize("root", ROOTS)
def test_children_read_as_if_a_formatter_had_been_there(chains, root, tmp_path):
    pytest.importorskip("ruff")
    for number, (operator, source) in enumerate(chains(root)):
        (tmp_path / f"{number:02}_{operator}.py").write_text(source)
    command = [sys.executable, "-m", "ruff", "--config", "line-length=110"]
    formatted = subprocess.run([*command, "format", "--diff", str(tmp_path)], capture_output=True, text=True)
    assert formatted.returncode == 0, formatted.stdout
    idle = subprocess.run(
        [*command, "check", "--isolated", "--select", "F,I", "--line-length", "110", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert idle.returncode == 0, idle.stdout
