"""llama.cpp's server: started, measured, kept running, and ended with this process."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx

from evolve.errors import InfrastructureError
from evolve.models.local.measuring import Counters, Speed, idle_cores
from evolve.models.local.serve import ServerSettings
from evolve.models.local.weights import Weights

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


Notify = Callable[[str], None]
COMMAND = (sys.executable, "-P", "-m", "evolve.models.local.serve")
_SHORT_LIFE = 60.0  # seconds; a server that ends sooner after its start will hardly do better next time
_RESTARTS = 3  # in a row, of such servers
_PROBE = "The quick brown fox jumps over the lazy dog, and the dog looks up. " * 8
_PROBE_TOKENS = 16
_METRIC = re.compile(r"^llamacpp:(\w+) ([\d.e+]+)$", re.MULTILINE)


class LocalServer:
    """A running server. A context manager, which ends it; thread-safe.

    Attributes:
        weights: which model.
        context_tokens: of one request and its reply together.
        speed: measured when it started; None of embeddings.

    A server that ends by itself (out of memory, killed) is restarted at the same address, so that calls only
    have to be repeated; one that ends soon after its start several times in a row is not restarted.

    Args:
        weights: which model.
        context: tokens of one request and its reply, at most the model's training length.
        slots: requests answered at the same time.
        threads: of computation; None takes one for each idle core, see ``idle_cores``.
        embeddings: serve vectors instead of text.
        notify: called with a sentence when the server ended and was restarted.
        command: runs ``evolve.models.local.serve``.

    Raises:
        InfrastructureError: the server did not start; the message has what it printed.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        context: int = 8_192,
        slots: int = 2,
        threads: int | None = None,
        embeddings: bool = False,
        notify: Notify = lambda _: None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.weights = weights
        self._notify = notify
        self._command = command
        self._guard = threading.Lock()
        self._closed = False
        self._process: ServerProcess | None = None
        self._settings = ServerSettings(
            model=str(weights.path),
            alias=weights.identity,
            context=context,
            slots=slots,
            threads=threads or idle_cores(),
            prefix=f"/{secrets.token_hex(16)}",
            embeddings=embeddings,
        )
        self._client = httpx.Client(trust_env=False, timeout=None)  # no proxy for this machine
        try:
            process = self._process = ServerProcess(self._settings, self._command)
            self._address = process.address
            # A restarted server must keep its address.
            self._settings = replace(self._settings, port=httpx.URL(self._address).port or 0)
            self.context_tokens = self._context()
            self.speed = self._measured()
            self._baseline = Counters(0, 0, 0)
            self._baseline = self.counters()
        except BaseException:
            self.close()
            raise
        self._watch = threading.Thread(target=self._keep_up, args=(process,), daemon=True)
        self._watch.start()

    @property
    def api_base(self) -> str:
        """Base of OpenAI's API. Its secret part keeps other users and sandboxed programs out."""
        return f"{self._address}{self._settings.prefix}/v1"

    @property
    def slots(self) -> int:
        """Requests answered at the same time."""
        return self._settings.slots

    @property
    def pid(self) -> int | None:
        """Process id of the server; None once it has ended for good."""
        return self._process.pid if self._process is not None else None

    def counters(self) -> Counters:
        """Read the counters of the server.

        Raises:
            InfrastructureError: it does not answer.
        """
        found = dict(_METRIC.findall(self._get("/metrics")))
        total, cached, generated = (
            round(float(found.get(name, 0)))
            for name in ("prompt_tokens_total", "prompt_tokens_cached_total", "tokens_predicted_total")
        )
        return Counters(total + cached, cached, generated) - self._baseline

    def close(self) -> None:
        """End the server. Safe to call again."""
        with self._guard:
            self._closed = True
            process, self._process = self._process, None
        if process is not None:
            process.close()
        self._client.close()

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _context(self) -> int:
        return int(json.loads(self._get("/props"))["default_generation_settings"]["n_ctx"])

    def _measured(self) -> Speed | None:
        if self._settings.embeddings:
            return None
        body = {
            "prompt": _PROBE,
            "n_predict": _PROBE_TOKENS,
            "cache_prompt": False,
            "ignore_eos": True,
            "temperature": 0,
        }
        timings = json.loads(self._get("/completion", body))["timings"]
        return Speed(timings["prompt_per_second"], timings["predicted_per_second"])

    def _get(self, path: str, body: dict[str, Any] | None = None) -> str:
        url = f"{self._address}{self._settings.prefix}{path}"
        try:
            answer = self._client.get(url) if body is None else self._client.post(url, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise InfrastructureError(f"The server of {self.weights.identity} failed: {error}.") from error
        return answer.text

    def _keep_up(self, process: ServerProcess) -> None:
        """Restart the server whenever it ended by itself."""
        short = 0
        while True:
            began = time.monotonic()
            ended = process.wait()
            with self._guard:
                if self._closed:
                    return
            short = short + 1 if time.monotonic() - began < _SHORT_LIFE else 0
            name = self.weights.identity
            if short > _RESTARTS:
                self._notify(f"The server of {name} ended again and is not started any more: {ended}")
                return
            self._notify(f"The server of {name} ended and is started again: {ended}")
            process.close()
            try:
                process = ServerProcess(self._settings, self._command)
            except InfrastructureError as error:
                self._notify(f"It could not be started again. {error}")
                return
            with self._guard:
                if not self._closed:
                    self._process, self._baseline = process, Counters(0, 0, 0)
                    continue
            process.close()
            return
