"""What open sessions tell of the programs to come by recent ones."""

from __future__ import annotations

import pytest

from evolve import resources
from evolve.errors import InfrastructureError
from evolve.sandboxes import open_sessions
from evolve.sandboxes.open_sessions import OpenSessions
from evolve.sandboxes.protocol import Limits
from evolve.sandboxes.worker import Worker

WITH, WITHOUT = "self.toolkit.embed([text])", "self.toolkit.db.execute(sql)"


def no_worker(limits: Limits) -> Worker:
    raise InfrastructureError("No worker is needed here.")


def after(*sources: str) -> bool:
    """What is expected once these were opened."""
    found = OpenSessions()
    for source in sources:
        with pytest.raises(InfrastructureError):
            found.open(no_worker, source, services=None, limits=Limits())  # type: ignore[arg-type]
    return found.expects_numpy


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ((), True),
        ((WITHOUT,) * 7, True),
        ((WITHOUT,) * 8, False),
        ((WITH, *(WITHOUT,) * 7), True),
        ((WITH, *(WITHOUT,) * 8), False),
        ((*(WITHOUT,) * 8, "import numpy as np"), True),
        ((*(WITHOUT,) * 8, "self.numpyish = 1"), False),
    ],
)
def test_numpy_is_expected_where_it_was_used_of_late(sources, expected):
    assert after(*sources) is expected


def test_the_worker_looks_for_the_same_words():
    text = (resources.folder("sandbox") / "worker.py").read_text("utf-8")
    assert f'NEEDS_NUMPY = re.compile(r"{open_sessions._NUMPY.pattern}")' in text
