"""The fitted weights of the offline embedder as a file."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from evolve.errors import UsageError
from evolve.models.embeddings import IDF_SLOTS, HashingEmbedder

DIMENSION = 1024
"""Dimension in files that do not name it."""
_MOST = 16 * IDF_SLOTS  # bytes unpacked, far more than two arrays of IDF_SLOTS numbers take


def pack_weights(embedder: HashingEmbedder) -> bytes:
    """Return the weights as npz: ``common`` and ``dimension``, and ``slots`` with the other ``values``."""
    values, counts = np.unique(embedder.idf, return_counts=True)
    common = values[counts.argmax()]
    slots = np.flatnonzero(embedder.idf != common).astype(np.int32)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, common=common, slots=slots, values=embedder.idf[slots], dimension=embedder.dimension
    )
    return buffer.getvalue()


def unpack_weights(data: bytes, source: str, dimension: int | None = None) -> HashingEmbedder:
    """Return the embedder with the weights ``data``, which are not trusted.

    Args:
        source: the file, for the message.
        dimension: length of its vectors; None: as ``data`` states.

    Raises:
        UsageError: ``data`` are not weights.

    Example:
        >>> embedder = HashingEmbedder.fit(["a kettle", "a violin"])
        >>> unpack_weights(pack_weights(embedder), "weights.npz").identity == embedder.identity
        True
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MOST:
                raise ValueError("it is too large")
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            idf = np.full(IDF_SLOTS, stored["common"], dtype=np.float32)
            idf[stored["slots"]] = stored["values"]
            found = int(stored["dimension"]) if "dimension" in stored else DIMENSION
        return HashingEmbedder(idf, dimension or found)
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{source} does not hold the weights of an embedder: {error}.") from error
