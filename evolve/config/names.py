"""Names of models on this machine: ``gguf:PATH``, and published weights such as ``local``."""

from __future__ import annotations

from pathlib import Path

GGUF = "gguf:"
"""Prefix of a model that is a GGUF file on this machine."""
LOCAL = "local"
"""SmolLM2-135M-Instruct, fetched from the package index when it is first used."""

WORDLLAMA = "wordllama"
"""Static embeddings from the wheel of that name."""
QUALITY_OF = "quality:"
"""Prefix of the objective that is the quality on one of several benchmarks."""


def benchmark_names(text: str) -> tuple[str, ...]:
    """Return the names or paths of the benchmarks in ``text``, which are separated by commas.

    >>> benchmark_names("chronicle, locomo")
    ('chronicle', 'locomo')
    """
    return tuple(name for name in map(str.strip, text.split(",")) if name) or (text,)


def short_name(benchmark: str) -> str:
    """Return the short name of a benchmark given by name or path.

    >>> short_name("locomo"), short_name("/home/me/notes/benchmark.py"), short_name("/home/me/diary.py")
    ('locomo', 'notes', 'diary')
    """
    path = Path(benchmark)
    if path.name == "benchmark.py":
        return path.parent.name
    return path.stem if path.suffix == ".py" else path.name


def is_local(model: str) -> bool:
    """Return whether ``model`` is answered by a server on this machine that is started for it.

    >>> is_local("gguf:/models/qwen.gguf"), is_local("local"), is_local("openai/gpt-5-mini")
    (True, True, False)
    """
    return model == LOCAL or model.startswith(GGUF)


def with_absolute_path(model: str) -> str:
    """``model`` with the path of a GGUF file made absolute; any other name stays as it is.

    Raises:
        ValueError: ``gguf:`` without a path.
    """
    if not model.startswith(GGUF):
        return model
    path = model.removeprefix(GGUF)
    if not path:
        raise ValueError("expected gguf:PATH, the path of a GGUF file, such as gguf:models/qwen.gguf")
    return f"{GGUF}{Path(path).expanduser().absolute()}"
