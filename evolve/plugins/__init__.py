"""Evolved programs to take home: exported as packages, loaded as memories, served to agents."""

from evolve.plugins.load import load
from evolve.plugins.memory import Memory

__all__ = ["Memory", "load"]
