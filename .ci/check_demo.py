"""Check what the README promises of the demo: a front with a choice, and a best that beats every seed.

Run in a checkout after ``make demo``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from evolve.events import Compared, Finished, Joined
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
    promises |= {f"best − seed #{n} on test: {i}": i.mean > 0 for n, i in sorted(compared.items())}
    # Not a promise that can break here: other work on the machine would decide it.
    print(f"the campaign took {seconds:.0f} s on {os.cpu_count()} cores")
    for text, kept in promises.items():
        print("kept  " if kept else "BROKEN", text)
    return 0 if all(promises.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
