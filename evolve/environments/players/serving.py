"""The simulator's end: answers the host's lines of JSON. Run as a script's helper; never imports evolve.

The interpreter may be another one than the host's, with nothing installed but the simulator.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TextIO

Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


def serve(handlers: Mapping[str, Handler]) -> None:
    """Answer each request by the handler that its ``do`` names, until standard input ends.

    What a handler raises is the reply ``{"failed": ...}``. Whatever the simulator prints goes to stderr.
    """
    requests, replies = _channel()
    inbox: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    while True:
        request = json.loads(inbox.get())
        try:
            reply = handlers[request["do"]](request)
        except Exception as error:  # noqa: BLE001 - the host decides what it means
            reply = {"failed": f"{type(error).__name__}: {error}"[:2000]}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _channel() -> tuple[TextIO, TextIO]:
    """Standard input and output on descriptors of their own, where no print and no child finds them."""
    requests, replies = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, replies


def _listen(requests: TextIO, inbox: queue.SimpleQueue[str]) -> None:
    for line in requests:
        inbox.put(line)
    # The host is gone, and a simulator that hangs would outlive it.
    os.killpg(0, signal.SIGKILL)


def condensed(text: object) -> str:
    """``text`` without blank lines around it and in it."""
    return "\n".join(line.strip() for line in str(text or "").splitlines() if line.strip())


if __name__ == "__main__":
    sys.exit("This is a helper of the play_*.py scripts beside it.")
