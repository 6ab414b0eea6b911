"""Resource limits of a program, and the sandbox section of a configuration."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field

from evolve.config.checks import Section, named


class Limits(Section):
    """Resource limits of a program. The defaults are the paper's where it names one.

    Example:
        >>> Limits(memory_mb=1024).call_seconds
        60.0
        >>> Limits().replace(processes=8).processes
        8
    """

    call_seconds: float = Field(
        default=60.0, gt=0, description="time for one write, read or observe, model time not counted"
    )
    load_seconds: float = Field(
        default=20.0, gt=0, description="time to import the program and make its memory"
    )
    read_characters: int = Field(
        default=3_000, ge=1, description="most characters that read may return; over it the candidate fails"
    )
    model_calls: int = Field(
        default=1, ge=0, description="most toolkit model calls in one call of the program"
    )
    model_input_characters: int = Field(
        default=120_000, ge=1, description="most characters sent in one such call"
    )
    embed_texts: int = Field(
        default=20_000, ge=0, description="most texts embedded in one call of the program"
    )
    memory_mb: int = Field(default=512, ge=64, description="memory of the whole sandbox")
    processes: int = Field(default=64, ge=1, description="processes and threads of the whole sandbox")
    scratch_mb: int = Field(default=64, ge=1, description="size of /tmp")
    stderr_bytes: int = Field(default=8_000_000, ge=1, description="most bytes printed in a session")
    frame_bytes: int = Field(default=4_000_000, ge=1_024, description="the largest message of the worker")

    def replace(self, **changes: float) -> Self:
        """Return the same limits with ``changes``, checked again."""
        return type(self).model_validate(self.model_dump() | changes)


class SandboxConfig(Limits):
    """Sandbox backend and the resource limits of programs."""

    backend: Annotated[str, named("sandbox")] = Field(
        default="auto",
        description="sandbox backend, where programs run; auto: docker where an engine answers, else bwrap",
    )
    pool: int = Field(
        default=2, ge=0, le=64, description="containers or processes to keep started for the next programs"
    )

    def limits(self) -> Limits:
        """Return the limits alone, as a sandbox takes them."""
        return Limits(**self.model_dump(include=set(Limits.model_fields)))
