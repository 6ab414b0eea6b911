"""Memory of an evolved program: store texts, and answer questions from them."""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from evolve.agents.protocol import Extraction, Recollection, TaskAgent
from evolve.errors import ModelError, ProgramError, UsageError
from evolve.plugins.keeper import Keeper
from evolve.plugins.manifest import Manifest
from evolve.program import Parts
from evolve.records import Episode, Fields, Task
from evolve.sandboxes.protocol import Isolation

LONGEST_TEXT = 1_000_000
"""Characters of one text."""


class Memory:
    """Memory of an evolved program; ``evolve.load`` makes it. A context manager, sync and async.

    Thread-safe: many threads may ask an agent's models at once, but only one at a time the program, so that
    remembered texts have one order. The async methods run the sync ones in a thread. Nothing is lost without
    ``close``: a text is on disk when ``remember`` returns, and the sandbox ends with the process.

    All methods raise:
        UsageError: the argument is not a text, or the memory is closed.
        ProgramError: the program failed; the memory is as it was before.
        InfrastructureError, BudgetReached: the sandbox, the disk or a model failed; the same.

    Args:
        manifest: manifest of the plug-in.
        parts: parts of its program.
        agent: fills the program's fields and answers.
        keeper: holds program and journal.
        path: folder of the memory.
        isolation: isolation between the program and this machine.
        closing: called to release everything.

    Example:
        >>> import tempfile
        >>> import evolve
        >>> few = {"evaluation.static": 4, "evaluation.test": 4}
        >>> found = evolve.run(programs=["lexical"], max_candidates=0, sandbox="process", settings=few)
        >>> memory = evolve.load(found.run.export("mine", out=tempfile.mkdtemp()), trust=True)
        >>> memory.remember("Ben: We adopted a terrier called Otto.")
        >>> len(memory), "Otto" in memory.recall("What is the terrier called?")
        (1, True)
        >>> memory.close()
    """

    def __init__(
        self,
        manifest: Manifest,
        parts: Parts,
        agent: TaskAgent,
        keeper: Keeper,
        *,
        path: Path,
        isolation: Isolation,
        closing: ExitStack,
    ) -> None:
        self.manifest = manifest
        self.path = path
        self.isolation: Isolation = isolation
        self._parts = parts
        self._agent = agent
        self._keeper = keeper
        self._lock = threading.RLock()
        self._end = weakref.finalize(self, closing.close)

    def remember(self, text: str) -> None:
        """Store ``text``. It is on disk when this returns."""
        checked = self._checked(text, "text")
        item = self._extracted([checked])[0]
        with self._lock:
            self._check_open()
            self._keeper.write(checked, item)

    def recall(self, question: str) -> str:
        """Return the program's text for ``question``; empty if it recalls nothing. Changes nothing."""
        return self._recalled(question).retrieved.strip("\n")

    def answer(self, question: str) -> str:
        """Return the agent's answer to ``question`` from the recalled text. Changes nothing."""
        (response,) = self._agent.respond(self._parts, [self._recalled(question)])
        if response.inconclusive:
            raise ModelError("malformed", f"The model gave no answer: {response.inconclusive}")
        return response.text

    def reextract(self) -> None:
        """Let the agent extract every text again, as a new schema or model requires, and rewrite them all.

        All or nothing: after an error the memory is as it was.
        """
        with self._lock:
            self._check_open()
            texts = self._keeper.texts()
            self._keeper.rewrite(zip(texts, self._extracted(texts), strict=True))

    def __len__(self) -> int:
        """Number of remembered texts."""
        with self._lock:
            self._check_open()
            return len(self._keeper)

    def __bool__(self) -> bool:
        """True even for an empty memory."""
        return True

    def close(self) -> None:
        """End the sandbox and release the folder. Safe to call again; nothing is lost without it."""
        with self._lock:
            self._end()

    async def aremember(self, text: str) -> None:
        """``remember`` in a thread."""
        await asyncio.to_thread(self.remember, text)

    async def arecall(self, question: str) -> str:
        """``recall`` in a thread."""
        return await asyncio.to_thread(self.recall, question)

    async def aanswer(self, question: str) -> str:
        """``answer`` in a thread."""
        return await asyncio.to_thread(self.answer, question)

    async def aclose(self) -> None:
        """``close`` in a thread."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Memory:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    def _recalled(self, question: str) -> Recollection:
        task = Task(id="recall", question=self._checked(question, "question"))
        (query,) = self._agent.formulate(self._parts, [task])
        fields = _usable(query, "query")
        with self._lock:
            self._check_open()
            return Recollection(task, fields, self._keeper.read(fields))

    def _extracted(self, texts: Sequence[str]) -> list[Fields]:
        episodes = [Episode(id=str(number), text=text) for number, text in enumerate(texts)]
        return [_usable(made, "item") for made in self._agent.extract(self._parts, episodes)]

    def _checked(self, text: str, noun: str) -> str:
        self._check_open()
        if not isinstance(text, str):
            raise UsageError(f"Expected a {noun} (str), found {type(text).__name__}.")
        if not text.strip():
            raise UsageError(f"The {noun} is empty. Give at least a word.")
        if len(text) > LONGEST_TEXT:
            raise UsageError(
                f"The {noun} has {len(text)} characters; at most {LONGEST_TEXT} are taken at once. Split it."
            )
        if not _is_unicode(text):
            raise UsageError(f"The {noun} has half a surrogate pair in it. Decode it again.")
        return text

    def _check_open(self) -> None:
        if not self._end.alive:
            raise UsageError("The memory is closed. Load it again.")


def _usable(extraction: Extraction, noun: str) -> Fields:
    """Return the fields; raise an error if the agent could not fill them."""
    if extraction.failure is not None:
        raise ProgramError(extraction.failure.kind, extraction.failure.message)
    if extraction.inconclusive:
        raise ModelError("malformed", f"The model gave no {noun}: {extraction.inconclusive}")
    if not _is_unicode(json.dumps(extraction.fields, ensure_ascii=False)):
        raise ModelError("malformed", f"The model gave half a surrogate pair in the {noun}.")
    return extraction.fields


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
