"""Memory of an evolved program: store texts, and answer questions from them."""

from __future__ import annotations

import asyncio
from datetime import datetime

from evolve.plugins.blocking import BlockingMemory
from evolve.plugins.texts import MemoryStats, RecalledText, StoredText


class Memory(BlockingMemory):
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
        usage: log of questions and feedback.
        path: folder of the memory.
        isolation: isolation between the program and this machine.
        closing: called to release everything.

    Example:
        >>> import tempfile
        >>> import evolve
        >>> few = {"evaluation.static": 4, "evaluation.test": 4}
        >>> found = evolve.run(programs=["lexical"], max_candidates=0, sandbox="process", settings=few)
        >>> memory = evolve.load(found.run.export("mine", out=tempfile.mkdtemp()), trust=True)
        >>> ident = memory.remember("Ben: We adopted a terrier called Otto.")
        >>> len(memory), "Otto" in memory.recall("What is the terrier called?")
        (1, True)
        >>> memory.close()
    """

    async def aremember(self, text: str, *, id: str | None = None, at: str | datetime | None = None) -> str:
        """``remember`` in a thread."""
        return await asyncio.to_thread(self.remember, text, id=id, at=at)

    async def arecall(
        self, question: str, *, k: int | None = None, characters: int | None = None
    ) -> RecalledText:
        """``recall`` in a thread."""
        return await asyncio.to_thread(self.recall, question, k=k, characters=characters)

    async def aanswer(self, question: str) -> RecalledText:
        """``answer`` in a thread."""
        return await asyncio.to_thread(self.answer, question)

    async def aforget(self, *ids: str, query: str | None = None) -> tuple[str, ...]:
        """``forget`` in a thread."""
        return await asyncio.to_thread(self.forget, *ids, query=query)

    async def acorrect(self, id: str, text: str) -> None:
        """``correct`` in a thread."""
        await asyncio.to_thread(self.correct, id, text)

    async def alist(self, *, limit: int | None = None, offset: int = 0) -> tuple[StoredText, ...]:
        """``list`` in a thread."""
        return await asyncio.to_thread(self.list, limit=limit, offset=offset)

    async def asearch(self, query: str, *, limit: int | None = None) -> tuple[StoredText, ...]:
        """``search`` in a thread."""
        return await asyncio.to_thread(self.search, query, limit=limit)

    async def afeedback(self, recall_id: str, verdict: str) -> None:
        """``feedback`` in a thread."""
        await asyncio.to_thread(self.feedback, recall_id, verdict)

    async def astats(self) -> MemoryStats:
        """``stats`` in a thread."""
        return await asyncio.to_thread(self.stats)

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
