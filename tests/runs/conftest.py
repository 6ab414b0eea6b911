"""The run that the tests of ``evolve.inspection`` look at, too."""

from tests.inspection.conftest import events, run

__all__ = ["events", "run"]
