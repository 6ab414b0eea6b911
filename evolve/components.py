"""Parts of a search that a Python program passes as objects, besides those that its configuration names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from evolve.kinds import KINDS, OBJECT, Kind, made, title
from evolve.registry import REGISTRY, Registry


@dataclass(frozen=True)
class Components:
    """Objects that a Python program passes instead of registered names; None: as configured.

    Example:
        >>> Components(selector=3).names
        {'selector': 'object:int'}
    """

    selector: Any = None
    mutator: Any = None
    agent: Any = None
    judge: Any = None
    sandbox: Any = None
    embedder: Any = None
    benchmark: Any = None
    executor: Any = None
    optimizer: Any = None
    registry: Registry = field(default=REGISTRY, repr=False)

    def make(self, kind: Kind, name: str, **offered: Any) -> Any:
        """Return the object that was passed, or make the one called ``name``; see ``Registry.make``."""
        thing = getattr(self, kind)
        if thing is None:
            return self.registry.make(kind, name, **offered)
        return made(kind, thing, f"The {kind} {title(thing)!r}", **offered)

    def get(self, kind: Kind, name: str) -> Any:
        """Return what was passed, or is registered as ``name``, without calling it; see ``Registry.get``."""
        thing = getattr(self, kind)
        return self.registry.get(kind, name) if thing is None else thing

    @property
    def names(self) -> dict[Kind, str]:
        """Kind → the name under which a run records the object that was passed."""
        passed: list[tuple[Kind, Any]] = [(kind, getattr(self, kind)) for kind in KINDS]
        return {kind: f"{OBJECT}{title(thing)}" for kind, thing in passed if thing is not None}


AS_CONFIGURED = Components()
"""Components without any object: every part is the one that the configuration names."""
