"""The fitted weights of an embedder that needs no server, as a file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

import numpy as np

from evolve.errors import UsageError
from evolve.models.embeddings import IDF_SLOTS, HashingEmbedder
from evolve.models.static_embeddings import StaticEmbedder, TokenVectors, load_wordllama

FittedEmbedder = HashingEmbedder | StaticEmbedder
"""Embedder whose weights are fitted to the texts of a benchmark."""

DIMENSION = 1024
"""Dimension in files that do not name it."""
_MOST = 16 * IDF_SLOTS  # bytes unpacked, far more than two arrays of IDF_SLOTS numbers take


def pack_weights(embedder: FittedEmbedder) -> bytes:
    """Return the weights as npz: ``common`` and ``dimension``, and ``slots`` with the other ``values``.

    Those of a static embedder have the version of its vectors, ``table``, besides.
    """
    values, counts = np.unique(embedder.idf, return_counts=True)
    common = values[counts.argmax()]
    slots = np.flatnonzero(embedder.idf != common).astype(np.int32)
    arrays = {"common": common, "slots": slots, "values": embedder.idf[slots]}
    arrays["dimension"] = np.array(embedder.dimension)
    if isinstance(embedder, StaticEmbedder):
        arrays["table"] = np.array(embedder.table.version)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack_weights(
    data: bytes,
    source: str,
    dimension: int | None = None,
    *,
    load: Callable[[], TokenVectors] = load_wordllama,
) -> FittedEmbedder:
    """Return the embedder with the weights ``data``, which are not trusted.

    Args:
        source: the file, for the message.
        dimension: length of its vectors; None: as ``data`` states.
        load: gives the vectors of a static embedder, which are not in the file.

    Raises:
        UsageError: ``data`` are not weights, or are weights for vectors that are not installed.

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
            if "table" in stored:
                return _static(stored, source, load())
            found = int(stored["dimension"]) if "dimension" in stored else DIMENSION
            return HashingEmbedder(_full(stored, IDF_SLOTS), dimension or found)
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"{source} does not hold the weights of an embedder: {error}.") from error


def _static(stored: Mapping[str, np.ndarray], source: str, table: TokenVectors) -> StaticEmbedder:
    wanted = str(stored["table"])
    if wanted != table.version:
        raise UsageError(
            f"{source} holds weights for the vectors {wanted} of wordllama, and {table.version} are "
            "installed. Install the version of wordllama that the campaign had."
        )
    return StaticEmbedder(table, _full(stored, len(table.vectors)))


def _full(stored: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    idf = np.full(size, stored["common"], dtype=np.float32)
    idf[stored["slots"]] = stored["values"]
    return idf
