"""The run directory: append-only, crash-safe, resumable; nothing in it is pickled."""

from evolve.journal.run import RunDirectory, RunRecord, checked_name, runs_in

__all__ = ["RunDirectory", "RunRecord", "checked_name", "runs_in"]
