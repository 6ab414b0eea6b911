"""The run directory: append-only, crash-safe, resumable; nothing in it is pickled."""

from evolve.journal.record import RunRecord, checked_name, runs_in
from evolve.journal.run import RunDirectory

__all__ = ["RunDirectory", "RunRecord", "checked_name", "runs_in"]
