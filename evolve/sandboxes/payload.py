"""Worker code sent into a sandbox: one Python text, so that nothing has to be mounted."""

from __future__ import annotations

import base64
import json
import marshal
import zlib
from functools import cache

from evolve import resources

INTERPRETER_FLAGS = ("-s", "-P", "-B", "-u", "-c")
"""No user site-packages, no script directory on the path, no bytecode, no buffers; the text follows."""

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # the order of a set decides what some programs return
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""The whole environment of a worker, besides where it finds programs and may put files."""

_MODULES = (
    *("worker", "frames", "failures", "processes", "scratch"),
    *("supervisor", "piping", "inspection", "syscalls", "timing"),
    *("toolkit", "vectors", "filters", "batch", "collection", "chroma"),
)


@cache
def worker_source(*scratch: str, numpy: bool = True, confined: bool = True, compiled: bool = False) -> str:
    """``sandbox/boot.py`` with the modules beside it as the argument of its ``main``.

    It is one argument of a command, which has 128 KiB at most on Linux.

    Args:
        scratch: the directories that the program may write to, which must be nobody else's; left out:
            the one that the variable TMPDIR of the worker's environment names.
        numpy: have it import that before it is asked for anything.
        confined: the program is to have no network, so that it is denied sockets with names.
        compiled: it is run by the interpreter that runs this, and need not compile the modules again, which
            is a quarter of the time that a worker takes to start.
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
