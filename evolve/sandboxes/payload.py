"""What is sent into a sandbox to run there: one Python text, so that nothing has to be mounted."""

from __future__ import annotations

import base64
import json
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
def worker_source(*scratch: str, numpy: bool = True, confined: bool = True) -> str:
    """``sandbox/boot.py`` with the modules beside it as the argument of its ``main``.

    Args:
        scratch: the directories that the program may write to, which must be nobody else's; left out:
            the one that the variable TMPDIR of the worker's environment names.
        numpy: have it import that before it is asked for anything.
        confined: the program is to have no network, so that it is denied sockets with names.
    """
    folder = resources.folder("sandbox")
    modules = {name: (folder / f"{name}.py").read_text("utf-8") for name in _MODULES}
    packed = base64.b85encode(zlib.compress(json.dumps(modules).encode(), 9)).decode("ascii")
    call = f"main({packed!r}, {scratch!r}, {numpy!r}, {confined!r})"
    return f"{(folder / 'boot.py').read_text('utf-8')}\n{call}\n"
