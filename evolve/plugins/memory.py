"""Memory of an evolved program: store texts, and answer questions from them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime

from evolve.errors import UsageError
from evolve.plugins.blocking import BlockingMemory
from evolve.plugins.folder import MemoryFolder
from evolve.plugins.spaces import Resources, SpaceFolders
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

    _spaces: Spaces | None = None

    def space(self, name: str) -> Memory:
        """Return the memory of a user or an agent: texts, feedback and folder of its own.

        All spaces share models and sandbox. At most ``max_sessions`` programs run at the same time; the least
        recently used one is closed for another, and replays its journal when it is asked again. Keep this
        memory as long as its spaces are used: they are closed with it.

        Args:
            name: letters, digits and ``._@+-``, such as ``user-42``.
        """
        self._check_open()
        return self._own_spaces().open(name)

    def spaces(self) -> tuple[str, ...]:
        """Return the names of all spaces, sorted."""
        self._check_open()
        return self._own_spaces().folders.names()

    def drop_space(self, name: str) -> bool:
        """Remove a space with all that it holds, for good; False where there is none.

        Like ``forget``, it is done when this returns, and is ended by the next load after a kill.
        """
        self._check_open()
        return self._own_spaces().drop(name)

    def _own_spaces(self) -> Spaces:
        if self._spaces is None:
            raise UsageError("This memory is a space itself. Ask the memory that was loaded for another.")
        return self._spaces

    async def aremember(self, text: str, *, id: str | None = None, at: str | datetime | None = None) -> str:
        """``remember`` in a thread."""
        return await asyncio.to_thread(self.remember, text, id=id, at=at)

    async def aremember_many(
        self,
        texts: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        at: Sequence[str | datetime] | None = None,
    ) -> tuple[str, ...]:
        """``remember_many`` in a thread."""
        return await asyncio.to_thread(self.remember_many, texts, ids=ids, at=at)

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


class Spaces:
    """The open spaces of a memory. Thread-safe.

    Args:
        shared: what they share.
    """

    def __init__(self, shared: Resources) -> None:
        self._shared = shared
        self._guard = threading.Lock()
        self._open: dict[str, Memory] = {}
        self.folders = SpaceFolders(shared.path, shared.erase_replies)

    def open(self, name: str) -> Memory:
        """Return the space ``name``, made if it is new."""
        folder = self.folders.folder(name)
        with self._guard:
            memory = self._open.get(name)
            if memory is None or memory.is_closed:
                with ExitStack() as closing:
                    files = MemoryFolder(folder)
                    closing.callback(files.close)
                    memory = self._open[name] = _memory(self._shared, files, closing)
            return memory

    def drop(self, name: str) -> bool:
        """Close the space ``name`` and remove its folder; False where there is none."""
        with self._guard:
            memory = self._open.pop(name, None)
            if memory is None:
                return self.folders.drop(name)
            with memory._gate.exclusive():  # an answer in the making may be cached
                memory.close()
                return self.folders.drop(name)

    def close(self) -> None:
        """Close all."""
        with self._guard:
            for memory in self._open.values():
                memory.close()
            self._open.clear()


def open_memory(shared: Resources, folder: MemoryFolder, closing: ExitStack) -> Memory:
    """Return the memory in ``folder``, which has spaces.

    Args:
        shared: what it shares with its spaces.
        folder: its folder, locked.
        closing: closed with the memory; emptied if all goes well.
    """
    spaces = Spaces(shared)
    closing.callback(spaces.close)
    memory = _memory(shared, folder, closing)
    memory._spaces = spaces
    return memory


def _memory(shared: Resources, folder: MemoryFolder, closing: ExitStack) -> Memory:
    keeper, usage = shared.keeper(folder)
    closing.callback(keeper.close)
    return Memory(
        shared.plugin.manifest,
        shared.plugin.program.parts,
        shared.agent,
        keeper,
        usage,
        path=folder.path,
        isolation=shared.sandbox.isolation,
        closing=closing.pop_all(),
    )
