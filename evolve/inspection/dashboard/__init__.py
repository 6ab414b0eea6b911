"""The live dashboard: optuna-dashboard on a mirror of the run, and the live report.

``optuna_dashboard`` comes with the extra ``dashboard``, and is imported only where a dashboard is opened.
"""

from evolve.inspection.dashboard.mirror import StudyMirror
from evolve.inspection.dashboard.server import Dashboard, open_dashboard

__all__ = ["Dashboard", "StudyMirror", "open_dashboard"]
