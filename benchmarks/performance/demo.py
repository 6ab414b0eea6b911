"""Time of the demo's campaign: wall, CPU here and in sandboxes, of each read; and the front that it finds.

    python benchmarks/performance/demo.py [--sandbox docker] [--unsafe-local]

The campaign is that of ``make demo``. CPU in sandboxes is known of bare processes (``--sandbox process
--unsafe-local``) and bubblewrap, whose processes are children of this one; containers are the engine's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from machine import circumstances, cpu_seconds

from evolve.campaign import build
from evolve.config import CampaignConfig, SandboxConfig
from evolve.events import Event
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the campaign and print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap, process or auto")
    parser.add_argument("--unsafe-local", action="store_true", help="allow bare processes")
    given = parser.parse_args(arguments)
    config = CampaignConfig(sandbox=SandboxConfig(backend=given.sandbox))
    print(f"{circumstances()}; sandbox {given.sandbox}.\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        began, cpu, own = time.monotonic(), cpu_seconds(), time.process_time()
        with build(
            config, root=Path(folder), name="demo", unsafe_local=given.unsafe_local, notify=_silent
        ) as running:
            running.run(_unwatched)
        wall, own = time.monotonic() - began, time.process_time() - own
        record = RunRecord.open(Path(folder), "demo")
        history = RunHistory.read(record)
        reads = sum(
            len(evaluation.items)
            for candidate in history.candidates
            for evaluation in record.evaluations(candidate.program)
        )
    children = cpu_seconds() - cpu - own
    print("| | s | ms for each read |\n|---|---|---|")
    for name, seconds in (("wall", wall), ("CPU here", own), ("CPU of child processes", children)):
        print(f"| {name} | {seconds:.1f} | {1000 * seconds / reads:.2f} |")
    front = ", ".join(f"#{member.number} {member.objectives['quality']:.3f}" for member in history.front)
    print(f"\n{len(history.candidates)} candidates, {reads} recorded reads; front by quality: {front}.")


def _silent(_: str) -> None:
    """Nobody reads along."""


def _unwatched(_: Event) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    main()
