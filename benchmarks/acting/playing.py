"""Evaluation of programs by tasks that the rule-based agent acts out, and circumstances of measurements."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark
from evolve.evaluation import Evaluator, Subset
from evolve.models.embeddings import HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.program import MemoryProgram
from evolve.records import Evaluation
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits


def played(benchmark: Benchmark, subset: Subset, program: MemoryProgram) -> Evaluation:
    """Evaluate ``program`` on ``subset`` by its reward, as a campaign without models does.

    Word frequencies are those of all episodes of the subset.
    """
    sandbox = ProcessSandbox()  # the programs are ours: no container is needed
    lines = [line for episode in subset.episodes for line in episode.text.split("\n")]
    try:
        return Evaluator(
            benchmark=benchmark,
            agent=RuleBasedAgent(),
            judge=RuleBasedJudge(),
            sandbox=sandbox,
            embedder=HashingEmbedder.fit(lines),
            model=ExtractiveModel(),
            limits=Limits(),
            metric="reward",
        ).evaluate(program, subset)
    finally:
        sandbox.close()


def circumstances() -> str:
    """Return agent, date, machine and commit."""
    git = ["git", "-C", str(Path(__file__).parent)]
    found = subprocess.run(
        [*git, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return (
        f"{RuleBasedAgent().identity}, {datetime.datetime.now(datetime.UTC).date()}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"commit {found.stdout.strip() or 'unknown'}"
    )
