"""llama.cpp's server as a process of its own that ends with this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from evolve.errors import InfrastructureError
from evolve.models.local.serve import ServerSettings

_LAST_WORDS = 1_500  # characters of what a server printed before it ended
_PATIENCE = 5.0  # seconds for a server to end that was told to


class ServerProcess:
    """Server process, from its start to its end. The constructor returns once it serves."""

    def __init__(self, settings: ServerSettings, command: Sequence[str]) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._popen = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            start_new_session=True,  # an interrupt at the terminal is for the campaign to act on
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        try:
            self._popen.stdin.write(json.dumps(asdict(settings)).encode() + b"\n")
            self._popen.stdin.flush()
            answer = self._popen.stdout.readline()
        except BrokenPipeError:
            answer = b""
        except BaseException:
            self.close()
            raise
        if not answer:
            ended = self.wait()
            self.close()
            raise InfrastructureError(
                f"llama.cpp's server did not start with {settings.model}: {ended}",
                remedy="Check that the file is a whole GGUF file of a model that llama.cpp knows and that "
                "there is memory for it; models.local.context_tokens makes it smaller.",
            )
        self.address: str = json.loads(answer)["address"]

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def wait(self) -> str:
        """Wait for its end: status, and the last of what it printed."""
        status = self._popen.wait()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        self._printed.seek(0)
        words = self._printed.read().decode("utf-8", "replace")[-_LAST_WORDS:].strip()
        return how + (f"; it printed: {words}" if words else "")

    def close(self) -> None:
        """End it by hanging up, or by force."""
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._popen.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
