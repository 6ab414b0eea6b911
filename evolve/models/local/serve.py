"""llama.cpp's server in this process, until standard input ends: ``python -m evolve.models.local.serve``.

The first line of standard input is a JSON object with the fields of ``ServerSettings``; the answer is one
line on standard output with the address. The parent process holds standard input open, so that this process
ends with it, however it ends.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

BATCH = 256
"""Prompt tokens read at a time. With llama.cpp's default of 2,048 a long prompt stalls every reply that is
being written: 5.7 s for one token on two cores.
"""


_METADATA = 1 << 24  # bytes at the beginning of a file that hold its keys


@dataclass(frozen=True)
class ServerSettings:
    """Settings of a server to start.

    Attributes:
        model: path of the GGUF file.
        alias: name of the model in answers.
        context: tokens of one request and its reply.
        slots: requests answered at the same time.
        threads: threads of computation.
        prefix: secret first part of every path, such as ``/4f1c``; other paths get no answer.
        port: on the loopback interface; 0 takes a free one.
        embeddings: serve vectors instead of text.
    """

    model: str
    alias: str
    context: int
    slots: int
    threads: int
    prefix: str
    port: int = 0
    embeddings: bool = False


def start(settings: ServerSettings) -> Any:
    """Start the server in this process: an ``xllamacpp.Server``, which ends when nothing refers to it.

    Raises:
        RuntimeError: the weights cannot be loaded, or the port is taken; stderr says why.
    """
    xllamacpp: Any = import_module("xllamacpp")  # an extra, without type stubs
    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.model
    parameters.model_alias = {settings.alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = settings.port
    parameters.api_prefix = settings.prefix
    parameters.endpoint_metrics = True
    parameters.ui = False
    parameters.n_ctx = settings.context * settings.slots
    parameters.n_parallel = settings.slots
    parameters.n_batch = parameters.n_ubatch = BATCH
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings.threads
    parameters.embedding = settings.embeddings
    if settings.embeddings and not names_pooling(settings.model):
        parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    parameters.verbosity = 1  # errors only: this log is shown where the server ends
    return xllamacpp.Server(parameters)


def names_pooling(path: str) -> bool:
    """Return whether a GGUF file names its pooling of token vectors: embedding models do, others are
    averaged.
    """
    with Path(path).open("rb") as file:
        return b".pooling_type" in file.read(_METADATA)


def main() -> None:
    """Serve until standard input ends, then end at once without waiting for requests."""
    outgoing = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints is no part of the answer
    settings = ServerSettings(**json.loads(sys.stdin.readline()))
    try:
        server = start(settings)
    except RuntimeError as error:
        sys.exit(f"{error}")
    outgoing.write(json.dumps({"address": server.listening_address}) + "\n")
    outgoing.close()
    while sys.stdin.read(1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
