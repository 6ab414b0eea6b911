"""Search for memory programs: executable memory modules for LLM agents, evolved against benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.plugins import Memory, load

__version__ = "0.1.0"
__all__ = ["Memory", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # Not imported before it is asked for: the command line starts without numpy and pydantic.
    if name in ("Memory", "load"):
        import evolve.plugins as plugins

        return getattr(plugins, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
