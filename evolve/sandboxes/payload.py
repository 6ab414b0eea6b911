"""Worker code sent into a sandbox: one Python text, so that nothing has to be mounted."""

from __future__ import annotations

import base64
import json
import marshal
import zlib
from functools import cache

from evolve import resources

INTERPRETER_FLAGS = ("-s", "-P", "-B", "-u", "-c")
"""Interpreter flags: no user site-packages, no script directory on the path, no bytecode, no buffers; the
text follows.
"""

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the order of a set decides what some programs return
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""Whole environment of a worker, besides the places of programs and files."""

_MODULES = (
    *("worker", "frames", "failures", "processes", "scratch"),
    *("supervisor", "piping", "inspection", "syscalls", "timing"),
    *("toolkit", "vectors", "filters", "batch", "collection", "chroma", "stored"),
)


@cache
def worker_source(*scratch: str, numpy: bool = True, confined: bool = True, compiled: bool = False) -> str:
    """Return ``sandbox/boot.py`` with the modules next to it as the argument of its ``main``.

    It is one argument of a command, which has 128 KiB at most on Linux.

    Args:
        scratch: the directories that the program may write to, for it alone; default: TMPDIR of the worker's
            environment.
        numpy: import numpy before the first request.
        confined: the program has no network, so named sockets are denied too.
        compiled: the worker has the interpreter that runs this, and need not compile the modules again, which
            takes a quarter of a worker's start.
    """
    folder = resources.folder("sandbox")
    modules = {name: (folder / f"{name}.py").read_text("utf-8") for name in _MODULES}
    if compiled:
        data = marshal.dumps({name: compile(text, f"<{name}>", "exec") for name, text in modules.items()})
    else:
        data = json.dumps(modules).encode()
    packed = base64.b64encode(zlib.compress(data, 9)).decode("ascii")
    call = f"main({packed!r}, {compiled!r}, {scratch!r}, {numpy!r}, {confined!r})"
    return f"{(folder / 'boot.py').read_text('utf-8')}\n{call}\n"
