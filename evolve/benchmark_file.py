"""Run a benchmark file, the user's own or an installed one, as a module."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from evolve.errors import UsageError


class _FromSource(SourceFileLoader):
    """Loader that compiles the file itself: its `__pycache__` may hold other code than was read and
    approved.
    """

    def get_code(self, fullname: str) -> CodeType:
        """See the class."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def execute(path: Path) -> ModuleType:
    """Execute the file at ``path`` and return its module. It is the user's own code, unlike a memory program.

    Raises:
        UsageError: it cannot be loaded, or raised an error while loading.
    """
    name = f"evolve_benchmark_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, str(path)))
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} cannot be loaded as a Python module.")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses with postponed annotations look their module up by name while the class is made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UsageError:
        raise
    except Exception as error:  # the author must see any error
        raise UsageError(
            f"The benchmark file {path} failed to load: {type(error).__name__}: {error}"
        ) from error
    return module
