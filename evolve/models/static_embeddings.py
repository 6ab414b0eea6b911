"""Static embeddings: vectors of a language model's tokens, averaged; no server, no network."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from evolve.config.models import missing_static_packages
from evolve.errors import UsageError
from evolve.models.embeddings import unit_rows

_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_INSTALL = "pip install 'wordllama>=0.4.0.post1,<0.5' safetensors tokenizers"
_ROWS = 512  # texts tokenized at a time

Tokenize = Callable[[Sequence[str]], list[list[int]]]
"""Texts → the ids of the tokens of each."""


@dataclass(frozen=True)
class TokenVectors:
    """A table of token vectors with its tokenizer.

    Attributes:
        vectors: one row for each token, of floats; shape ``(tokens, dimension)``.
        tokenize: texts to rows of ``vectors``.
        version: digest of the files of both.
    """

    vectors: np.ndarray
    tokenize: Tokenize
    version: str


@cache
def load_wordllama() -> TokenVectors:
    """The table in the wheel ``wordllama``: 32,000 tokens of 256 dimensions.

    The files are read with safetensors and tokenizers. The wheel's own loader looks for them elsewhere and
    then asks the network.

    Raises:
        UsageError: wordllama is not installed, or its files are not those of the version that is declared.
    """
    spec = importlib.util.find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations or missing_static_packages():
        raise UsageError(
            "--embedding wordllama needs wordllama, safetensors and tokenizers, which are not all installed. "
            f"Install them with: {_INSTALL}. There are wheels for Python 3.11 to 3.13 on Linux x86_64, macOS "
            "and Windows. Without them take --embedding offline, hashed words."
        )
    folder = Path(spec.submodule_search_locations[0])
    weights, tokenizer = folder / _WEIGHTS, folder / _TOKENIZER
    if not (weights.is_file() and tokenizer.is_file()):
        raise UsageError(
            f"The installed wordllama has no {_WEIGHTS} or {_TOKENIZER}. "
            f"Install the version that this project was written for: {_INSTALL}"
        )
    return read_token_vectors(weights, tokenizer)


def read_token_vectors(weights: Path, tokenizer: Path) -> TokenVectors:
    """A table of one tensor in safetensors' format and a tokenizer of Hugging Face's."""
    from safetensors.numpy import load_file  # pyright: ignore[reportMissingImports]
    from tokenizers import Tokenizer

    (vectors,) = load_file(weights).values()
    encoder = Tokenizer.from_file(str(tokenizer))
    encoder.no_padding()
    encoder.no_truncation()

    def tokenize(texts: Sequence[str]) -> list[list[int]]:
        return [entry.ids for entry in encoder.encode_batch(list(texts), add_special_tokens=False)]

    digest = hashlib.blake2b(digest_size=6)
    for path in (weights, tokenizer):
        digest.update(path.read_bytes())
    return TokenVectors(vectors, tokenize, digest.hexdigest())


class StaticEmbedder:
    """Embedder by the mean of a text's token vectors, weighted by IDF, as a unit vector. Thread-safe.

    A text without tokens gets the first axis.

    Args:
        table: the vectors of the tokens.
        idf: weight of each token; float32, shape ``(tokens,)``. ``fit`` makes it.
    """

    def __init__(self, table: TokenVectors, idf: np.ndarray) -> None:
        tokens, self._dimension = table.vectors.shape
        if idf.shape != (tokens,):
            raise ValueError(f"idf must have shape ({tokens},), got {idf.shape}; use StaticEmbedder.fit")
        self._table = table
        self._idf = idf.astype(np.float32)
        digest = hashlib.blake2b(self._idf.tobytes(), digest_size=6).hexdigest()
        self._identity = f"wordllama-1-{self._dimension}-{table.version}-{digest}"

    @classmethod
    def fit(cls, texts: Iterable[str], table: TokenVectors | None = None) -> StaticEmbedder:
        """An embedder with smooth IDF, ln((1 + n) / (1 + df)) + 1, over the lines of ``texts``.

        Args:
            texts: rarity is counted over their lines; without any all tokens weigh the same.
            table: the vectors of the tokens; ``load_wordllama()`` if left out.

        Raises:
            UsageError: wordllama is not installed.
        """
        table = table or load_wordllama()
        frequency = np.zeros(len(table.vectors), dtype=np.int64)
        lines = (line for text in texts for line in text.splitlines() if line.strip())
        count = 0
        while block := list(islice(lines, _ROWS)):
            count += len(block)
            for ids in table.tokenize(block):
                frequency[list(set(ids))] += 1
        return cls(table, np.log((1 + count) / (1 + frequency)) + 1)

    @property
    def identity(self) -> str:
        """The version, the dimension, and hashes of the vectors and the fitted weights."""
        return self._identity

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def idf(self) -> np.ndarray:
        """The fitted weights: ``StaticEmbedder(e.table, e.idf)`` gives the same vectors as ``e``."""
        return self._idf

    @property
    def table(self) -> TokenVectors:
        """The vectors of the tokens."""
        return self._table

    @property
    def waits(self) -> bool:
        """False: they are computed on the spot."""
        return False

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors: float32, shape ``(len(texts), dimension)``; a row depends on its own text only."""
        out = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for start in range(0, len(texts), _ROWS):
            for row, ids in enumerate(self._table.tokenize(texts[start : start + _ROWS]), start):
                out[row] = self._idf[ids] @ self._table.vectors[ids].astype(np.float32, copy=False)
        return unit_rows(out)
