"""Runs and results for Python programs: candidates, front, tests, tables and reports."""

from evolve.results.result import CheckReport, Result
from evolve.results.run import Run

__all__ = ["CheckReport", "Result", "Run"]
