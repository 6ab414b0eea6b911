"""What a memory program is given: storage in the sandbox, models through the host."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from sandbox.chroma import Client
    from sandbox.vectors import VectorIndex

BATCH_TEXTS = 512
BATCH_CHARACTERS = 200_000
LOG_LINES = 50
LOG_CHARACTERS = 500

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Ranges of scripts that put no space between words, for a class of a regular expression."""

_LETTERS_AND_DIGITS = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))

Ask = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends a request to the host and gives its answer; raises ToolkitError where the host refuses."""


class ToolkitError(RuntimeError):
    """The host refused a toolkit call, or could not answer it."""


class Logger:
    """Notes that are shown to whoever improves the program; the first 50 of each call are kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, text: object, *arguments: object) -> None:
        """Keep ``text``, ``%``-formatted with ``arguments`` if there are any."""
        if len(self.lines) < LOG_LINES:
            line = str(text) % arguments if arguments else str(text)
            self.lines.append(line[:LOG_CHARACTERS])

    info = warning = error = debug

    def take(self) -> list[str]:
        """The lines since the last call of this, which are forgotten here."""
        lines, self.lines = self.lines, []
        return lines


class Toolkit:
    """The argument of ``KnowledgeBase.__init__``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.logger = Logger()

    @cached_property
    def db(self) -> sqlite3.Connection:
        """An empty SQLite database in memory, with FTS5."""
        return sqlite3.connect(":memory:", check_same_thread=False)

    @cached_property
    def vectors(self) -> VectorIndex:
        """An exact cosine index: ``add(keys, embeddings)``, ``search(embedding, k)``, ``len(vectors)``."""
        from vectors import VectorIndex  # type: ignore[import-not-found]

        return VectorIndex()

    @cached_property
    def chroma(self) -> Client:
        """A client with the API of chromadb, kept in memory and searched exactly."""
        from chroma import Client  # type: ignore[import-not-found]

        return Client(self.embed)

    def words(self, text: str) -> list[str]:
        """The words of ``text`` in any language, in order: NFKC, case-folded, letters and digits only.

        Of scripts without spaces (Chinese, Japanese kana, Thai, Lao, Khmer, Burmese) each character and each
        pair of neighbours, so that an index of words finds them.
        """
        if text.isascii():
            return text.lower().translate(_LETTERS_AND_DIGITS).split()
        found: list[str] = []
        for word in re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()):
            for part in re.findall(rf"[{UNSPACED}]+|[^{UNSPACED}]+", word):
                if re.match(rf"[{UNSPACED}]", part):
                    found += part
                    found += map("".join, pairwise(part))
                else:
                    found.append(part)
        return found

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of ``texts``: float32, shape ``(len(texts), d)``.

        Raises:
            TypeError: ``texts`` is not a sequence of strings.
            ToolkitError: more texts than one write or read may have embedded.
        """
        import numpy as np

        if isinstance(texts, str):
            raise TypeError("toolkit.embed expects a list of strings; for one text write embed([text])[0]")
        texts = list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise TypeError(f"toolkit.embed expects strings, got {type(text).__name__}: {text!r:.80}")
        if not texts:
            return np.empty((0, 0), np.float32)
        return np.concatenate([self._embed_batch(batch) for batch in _batches(texts)])

    def _embed_batch(self, texts: list[str]) -> np.ndarray:
        import numpy as np

        answer = self._ask({"kind": "embed", "texts": [_encodable(text) for text in texts]})
        flat = np.frombuffer(base64.b64decode(answer["vectors"]), dtype="<f4")
        return flat.reshape(len(texts), -1).astype(np.float32)

    def llm_completion(self, messages: Sequence[dict[str, str]], **options: Any) -> str:
        """The model's answer to chat ``messages``, a list of ``{"role": ..., "content": ...}``.

        Raises:
            TypeError: the messages are of another form, or an option is not JSON.
            ToolkitError: more calls, or a longer prompt, than one write or read may make.
        """
        if isinstance(messages, str) or not isinstance(messages, (list, tuple)) or not messages:
            raise TypeError('llm_completion expects a non-empty list of {"role": "user", "content": "..."}')
        plain = []
        for message in messages:
            if not isinstance(message, dict) or not all(
                isinstance(message.get(key), str) for key in ("role", "content")
            ):
                raise TypeError(f"a message needs the strings 'role' and 'content', got {message!r:.200}")
            plain.append({key: _encodable(message[key]) for key in ("role", "content")})
        json.dumps(options, allow_nan=False)
        return self._ask({"kind": "complete", "messages": plain, "options": options})["text"]


def _batches(texts: list[str]) -> list[list[str]]:
    """``texts`` in order, in lists that fit into one message each."""
    batches: list[list[str]] = [[]]
    characters = 0
    for text in texts:
        if batches[-1] and (len(batches[-1]) == BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
            batches.append([])
            characters = 0
        batches[-1].append(text)
        characters += len(text)
    return batches


def _encodable(text: str) -> str:
    """``text`` without lone surrogates, which no message can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
