"""Code of a proposer in a sandbox of its own: a fresh one for each call, with a copy of the files.

A sandbox runs memory programs. So the code goes in as one that writes the files it is given into its scratch
folder and starts a process there. Nothing of the host is mounted, with any backend.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from evolve import resources
from evolve.errors import InfrastructureError, ProgramError
from evolve.records import Completion, Record
from evolve.sandboxes.protocol import Limits, Sandbox

_FRAME_BYTES = 64_000_000
_ANSWER_CHARACTERS = 2_000_000
_MARGIN = 15.0  # seconds of the sandbox beyond the process's own limit


class Executed(Record):
    """Result of a process in the proposer's sandbox.

    Attributes:
        status: its exit status, negative for a signal; None if it ran out of time.
        output: what it printed, cut in the middle.
        files: path → text of the files that were asked for and are there.
    """

    status: int | None
    output: str
    files: dict[str, str] = Field(default={})


class _NoModels:
    """Services of a sandbox whose code may ask no model."""

    def embed(self, texts: Any) -> np.ndarray:
        raise ProgramError("exception", "no model can be asked here")

    def complete(self, messages: Any, options: Any) -> Completion:
        raise ProgramError("exception", "no model can be asked here")


@dataclass(frozen=True)
class ProposerSandbox:
    """Sandbox for code of a proposer.

    Attributes:
        sandbox: the backend; each call gets an instance of its own from it.
        limits: memory, processes and disk of one.
    """

    sandbox: Sandbox
    limits: Limits

    @property
    def confines(self) -> bool:
        """True if the backend keeps code from the files and the network of the host."""
        return self.sandbox.isolation != "process"

    def run(
        self,
        command: list[str],
        files: Mapping[str, str],
        *,
        seconds: float,
        characters: int,
        writable: bool = False,
        wanted: tuple[str, ...] = (),
    ) -> Executed:
        """Run a command in a folder with ``files``, and return what it printed.

        Args:
            command: its words; ``{python}`` is the interpreter, ``{workdir}`` the folder.
            files: path → text.
            seconds: most wall time.
            characters: most characters of the output that are kept.
            writable: the files may be changed; else they are read-only.
            wanted: files to return afterwards.

        Raises:
            InfrastructureError: the sandbox failed.
        """
        limits = self.limits.replace(
            call_seconds=seconds + _MARGIN,
            read_characters=_ANSWER_CHARACTERS,
            frame_bytes=_FRAME_BYTES,
            model_calls=0,
            embed_texts=0,
        )
        query = {
            "command": json.dumps(command),
            "seconds": seconds,
            "characters": characters,
            "wanted": json.dumps(wanted),
        }
        source = (resources.folder("sandbox") / "proposer.py").read_text("utf-8")
        try:
            with self.sandbox.open(source, _NoModels(), limits) as session:
                session.write({"writable": writable}, json.dumps(dict(files)))
                said = session.read(query).text
            return Executed.model_validate_json(said)
        except ProgramError as error:
            return Executed(status=1, output=f"{error.kind}: {error.message}\n{error.detail}"[:characters])
        except ValidationError as error:
            raise InfrastructureError(
                f"The proposer's sandbox gave no result: {error.errors()[0]['msg']}.",
                remedy="Rerun the command; finished work is kept.",
            ) from error
