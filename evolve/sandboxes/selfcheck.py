"""Self-check of a sandbox in a few seconds: a small program tries permitted and forbidden actions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evolve.errors import ProgramError
from evolve.records import Completion, Usage
from evolve.sandboxes.protocol import Limits, Sandbox

_PROGRAM = """
import os, socket
from dataclasses import dataclass

@dataclass
class KnowledgeItem:
    text: str

@dataclass
class Query:
    text: str

class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit, self.notes = toolkit, []

    def write(self, item, raw_text):
        self.notes.append(item.text)

    def read(self, query):
        if query.text == "note": return self.notes[0]
        if query.text == "callback": return str(self.toolkit.embed(["x"]).shape)
        try:
            if query.text == "network": socket.create_connection(("192.0.2.1", 9), 0.5)
            else: open("/evolve-self-check", "w").close(); os.remove("/evolve-self-check")
        except TimeoutError: return "allowed"  # a packet went out
        except OSError: return "refused"
        return "allowed"
"""
_EXPECTED = {"note": "kept", "callback": "(1, 4)", "network": "refused", "files": "refused"}


class _CheckServices:
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, np.float32)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        return Completion(text="", usage=Usage())


def self_check(sandbox: Sandbox, clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """Open a session and try it.

    Returns:
        ``seconds`` it took; ``found``: the program's reports on note, callback, network and files;
        ``passed``: whether they are those of a confined program.

    Raises:
        InfrastructureError: the sandbox cannot be started.
    """
    started = clock()
    try:
        with sandbox.open(_PROGRAM, _CheckServices(), Limits(call_seconds=5, load_seconds=10)) as session:
            session.write({"text": "kept"}, "")
            found = {what: session.read({"text": what}).text for what in _EXPECTED}
    except ProgramError as error:
        found = {"program": error.message}
    return {"seconds": clock() - started, "found": found, "passed": found == _EXPECTED}
