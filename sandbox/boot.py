"""What a worker starts with: it finds the other modules in this text's own argument.

Sent by the host as ``python3 -c``: this file, then a call of ``main``. Standard library only (numpy comes in
with the toolkit), nothing of the host's package.
"""

from __future__ import annotations

import base64
import json
import marshal
import sys
import zlib
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, NoReturn


class Sources:
    """Imports modules from their source, and ``chromadb`` as the toolkit's own client.

    Args:
        sources: module name → text, or what that was compiled to.
    """

    def __init__(self, sources: Mapping[str, str | CodeType]) -> None:
        self._sources = sources
        self.toolkit: Any = None

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name in self._sources or (name == "chromadb" and self.toolkit is not None):
            return ModuleSpec(name, self, origin="sandbox")  # type: ignore[arg-type]
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name != "chromadb":
            return None
        from chroma import as_chromadb

        return as_chromadb(self.toolkit.chroma)

    def exec_module(self, module: ModuleType) -> None:
        source = self._sources.get(module.__name__)
        if isinstance(source, str):
            source = compile(source, f"<{module.__name__}>", "exec")
        if source is not None:
            exec(source, module.__dict__)


def main(packed: str, compiled: bool, scratch: tuple[str, ...], numpy: bool, confined: bool) -> NoReturn:
    """Make the modules importable and hand over to ``worker.supervise``, which says what the rest is.

    Args:
        packed: module name → text, as JSON, compressed, in the letters of base 64.
        compiled: it is module name → code of this very version of Python, marshalled, instead.
    """
    data = zlib.decompress(base64.b64decode(packed))
    finder = Sources(marshal.loads(data) if compiled else json.loads(data))
    sys.meta_path.append(finder)  # type: ignore[arg-type]
    from worker import supervise

    supervise(finder, scratch, numpy, confined)
