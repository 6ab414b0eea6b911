"""Export of evolved programs as packages, loaded as memories and served to agents."""

from evolve.plugins.load import load
from evolve.plugins.memory import Memory

__all__ = ["Memory", "load"]
