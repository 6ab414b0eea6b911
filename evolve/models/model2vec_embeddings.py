"""Static embeddings of the package model2vec: a folder, or a name that the package fetches."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evolve.config.models import MODEL2VEC
from evolve.errors import UsageError
from evolve.models.embeddings import unit_rows


class Model2VecEmbedder:
    """Embedder by a model of model2vec, as unit vectors. Thread-safe; nothing is fitted.

    A text without known tokens gets the first axis.

    Args:
        model: ``model2vec.StaticModel``: ``encode(texts)`` gives one row a text.

    Example:
        >>> class Counting:
        ...     embedding = np.eye(2, dtype=np.float32)
        ...     def encode(self, texts, **_):
        ...         return np.array([[text.count("a"), text.count("b")] for text in texts], np.float32)
        >>> Model2VecEmbedder(Counting()).embed(["aa", "b"]).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._dimension = int(model.embedding.shape[1])
        digest = hashlib.blake2b(np.ascontiguousarray(model.embedding).tobytes(), digest_size=6)
        for array in (getattr(model, "weights", None), getattr(model, "token_mapping", None)):
            digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        tokenizer = getattr(model, "tokenizer", None)
        digest.update(b"" if tokenizer is None else tokenizer.to_str().encode())
        self._identity = f"model2vec-1-{self._dimension}-{digest.hexdigest()}"

    @property
    def identity(self) -> str:
        """The dimension, and a hash of vectors and tokenizer: a folder may move."""
        return self._identity

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def waits(self) -> bool:
        """False: they are computed on the spot."""
        return False

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors: float32, shape ``(len(texts), dimension)``; a row depends on its own text only."""
        if not texts:
            return np.zeros((0, self._dimension), dtype=np.float32)
        out = np.array(self._model.encode(list(texts), use_multiprocessing=False), dtype=np.float32)
        return unit_rows(out)


def open_model2vec(name: str, read: Callable[[str], Any] | None = None) -> Model2VecEmbedder:
    """Return the embedder that ``model2vec:WHERE`` names.

    Args:
        name: WHERE is a folder, or the name of a published model, which model2vec fetches.
        read: reads it; default: ``model2vec.StaticModel.from_pretrained``.

    Raises:
        UsageError: model2vec is not installed, or cannot read the model.
    """
    where = name.removeprefix(MODEL2VEC)
    if read is None:
        if importlib.util.find_spec("model2vec") is None:
            raise UsageError(
                f"--embedding {name} needs model2vec. Install it with: pip install 'evolve-memory[model2vec]'"
            )
        from model2vec import StaticModel  # pyright: ignore[reportMissingImports]

        read = StaticModel.from_pretrained
    try:
        return Model2VecEmbedder(read(where))
    except Exception as error:  # whatever the package and its hub raise
        said = " ".join(str(error).split())[:300]
        raise UsageError(
            f"model2vec cannot read {where!r}: {said} Give the folder of a model, with model.safetensors and "
            "tokenizer.json, or the name of a published one."
        ) from error
