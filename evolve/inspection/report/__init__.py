"""The report of a run: one HTML file that shows all of it, without a network."""

from evolve.inspection.report.data import Report, build_report
from evolve.inspection.report.page import page, policy, write_report

__all__ = ["Report", "build_report", "page", "policy", "write_report"]
