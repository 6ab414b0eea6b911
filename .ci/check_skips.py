"""Print every test that was skipped, with the reason, and fail unless it is one that may be.

    python .ci/check_skips.py REPORT.xml...

The reports are pytest's (--junitxml). A test that is skipped in one of them and run in another was run.
"""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

ALLOWED: dict[str, Callable[[], bool]] = {
    "tests.program.test_layout::test_nested_f_strings": lambda: sys.version_info < (3, 12),
    # The engines are installed for these, and they need no data from elsewhere.
    "tests.benchmarks.test_scienceworld::*": lambda: False,
    "tests.benchmarks.test_textworld::test_in_the_real_engine_*": lambda: False,
    "tests.benchmarks.test_*": lambda: not os.environ.get("EVOLVE_DATA"),
    "tests.plugins.test_taken_home::*": lambda: not os.environ.get("EVOLVE_DATA"),
    # What a bare process shares with the machine is not held back by it (docs/isolation.md).
    "tests.sandboxes.test_isolation::test_confinement_of_a_read*": lambda: True,
}
"""Name of the test, with wildcards → whether it may be skipped here; the first that fits decides."""


def main(reports: list[str]) -> int:
    """1 if a test was skipped that has to run here, or if none ran at all."""
    ran: set[str] = set()
    modules: set[str] = set()
    reasons: dict[str, str] = {}
    for report in reports:
        for case in ElementTree.parse(Path(report)).iter("testcase"):
            # A module that is skipped as a whole has its own name for the test's, and no module.
            module, test = case.get("classname", ""), case.get("name", "")
            name = f"{module}::{test}" if module else test
            skip = case.find("skipped")
            if skip is None:
                ran.add(name)
                modules.add(module)
            else:
                reasons[name] = (skip.text or skip.get("message") or "no reason").strip().splitlines()[-1]
    skipped = {name: reason for name, reason in reasons.items() if name not in ran | modules}
    refused = 0
    for name, reason in sorted(skipped.items()):
        allowed = next(
            (holds() for pattern, holds in ALLOWED.items() if fnmatch.fnmatch(name, pattern)), False
        )
        refused += not allowed
        print("may be skipped" if allowed else "MUST RUN", name, "-", reason)
    print(f"{len(ran)} tests ran, {len(skipped)} were skipped, {refused} of them without leave")
    return 0 if ran and not refused else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
