"""Base of the sections of a configuration, and checks of the names in them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from evolve.kinds import Kind
from evolve.registry import REGISTRY


class Section(BaseModel):
    """Base of the sections: immutable, closed to unknown keys, finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


T = TypeVar("T")


@dataclass(frozen=True)
class RegisteredName:
    """Check of the names of ``kind``: built in, registered, or of a plug-in.

    In a recorded configuration any name is accepted (``context={"recorded": True}``): a run can be inspected
    where the plug-in that it used is not installed.
    """

    kind: Kind

    def __call__(self, name: str, info: ValidationInfo) -> str:
        """Return ``name``; a ``ValueError`` that lists the valid names if it is none."""
        recorded = bool(info.context) and info.context.get("recorded", False)
        problem = "" if recorded else REGISTRY.problem(self.kind, name)
        if problem:
            raise ValueError(problem)
        return name


def named(kind: Kind) -> AfterValidator:
    """Return a validator of the names of ``kind``; see ``RegisteredName``."""
    return AfterValidator(RegisteredName(kind))


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ``, did you mean …?`` if a name in ``known`` is close to ``name``, else an empty text."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def distinct(names: tuple[T, ...]) -> tuple[T, ...]:
    """Return ``names``; a ``ValueError`` if one occurs twice."""
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"given more than once: {', '.join(twice)}")
    return names
