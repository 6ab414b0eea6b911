"""Check what the README promises of the demo: a front with a choice, and a best that no seed is better than.

The test set has four worlds: a small gain over a good seed does not show on it. So no seed may be better by
an interval that excludes 0, and all but the two best seeds must be worse on it.

Run in a checkout after ``make demo``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from evolve.events import Compared, Event, Finished, Joined
from evolve.journal import RunRecord


def main() -> int:
    """Print each promise with what was found; 1 if one is broken."""
    events = RunRecord.open(Path("runs"), "demo").events()
    front = json.loads(
        subprocess.check_output([Path(sys.executable).parent / "evolve", "front", "demo", "--json"])
    )
    members = front["front"] if isinstance(front, dict) else front
    seeds = {e.candidate.number for e in events if isinstance(e, Joined) and not e.candidate.parents}
    compared = {e.other: e.difference for e in events if isinstance(e, Compared)}
    seconds = sum(e.seconds for e in events if isinstance(e, Finished))
    promises = {
        f"the front has {len(members)} members; 2 or more are promised": len(members) >= 2,
        f"compared on the test set with seeds {sorted(compared)}": set(compared) == seeds,
    }
    nearest = sorted(compared, key=lambda number: compared[number].mean)[:2]
    promises |= {
        f"best − seed #{n} on test: {i}": i.high > 0 if n in nearest else i.mean > 0
        for n, i in sorted(compared.items())
    }
    gain = best_on_validation(events, seeds)
    promises[f"best − best seed on validation: {gain:+.3f}"] = gain > 0
    # Not a promise that can break here: other work on the machine would decide it.
    print(f"the campaign took {seconds:.0f} s on {os.cpu_count()} cores")
    for text, kept in promises.items():
        print("kept  " if kept else "BROKEN", text)
    return 0 if all(promises.values()) else 1


def best_on_validation(events: Sequence[Event], seeds: set[int]) -> float:
    """Return how much the best candidate's validation quality is above that of the best seed."""
    joined = [event.candidate for event in events if isinstance(event, Joined)]
    quality = {one.number: one.objectives["quality"] for one in joined if "quality" in one.objectives}
    return max(quality.values()) - max(quality[number] for number in seeds)


if __name__ == "__main__":
    sys.exit(main())
