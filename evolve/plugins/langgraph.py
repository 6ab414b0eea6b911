"""Memory as a LangGraph store: namespaces are spaces, a search is a recall. Needs the package langgraph."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from evolve.errors import UsageError
from evolve.plugins.memory import Memory
from evolve.plugins.texts import StoredText

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        Item,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
    )
except ImportError as error:
    raise UsageError(
        "evolve.plugins.langgraph needs langgraph, which is not installed. "
        "Install it with: pip install langgraph"
    ) from error

_ROOT = "."
"""Separator of a namespace's labels in the name of a space: LangGraph permits none in a label."""


class MemoryStore(BaseStore):
    """LangGraph store of a memory, whose owner closes it. Each namespace is a space of it.

    A value of one field ``text`` is stored as that text, any other as JSON. ``put`` of a present key corrects
    it, ``delete`` forgets it. ``search`` with a query returns the stored texts that the program recalls for
    it, the oldest first, and without one all of them. Scores are None: programs give none.

    Args:
        memory: as ``evolve.load`` returns it.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do ``ops`` in their order, and return their results."""
        return [self._done(op) for op in ops]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """``batch`` in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _done(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, PutOp):
            return self._put(op)
        if isinstance(op, SearchOp):
            found = [item for item in self._found(op) if _fits(item.value, op.filter)]
            return found[op.offset :][: op.limit]
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        raise UsageError(f"The store knows no operation {type(op).__name__}.")

    def _get(self, op: GetOp) -> Item | None:
        found = self._stored(op.namespace).get(op.key)
        return None if found is None else Item(key=op.key, namespace=op.namespace, **_fields(found))

    def _put(self, op: PutOp) -> None:
        present = op.key in self._stored(op.namespace)
        if op.value is None and not present:
            return
        space = self._memory.space(_ROOT.join(op.namespace))
        if op.value is None:
            space.forget(op.key)
        elif present:
            space.correct(op.key, _text_of(op.value))
        else:
            space.remember(_text_of(op.value), id=op.key)

    def _found(self, op: SearchOp) -> Iterator[SearchItem]:
        for namespace in self._all():
            if namespace[: len(op.namespace_prefix)] == op.namespace_prefix:
                space = self._memory.space(_ROOT.join(namespace))
                texts = space.list() if op.query is None else space.recalled(op.query)
                for text in texts:
                    yield SearchItem(namespace, text.id, **_fields(text))

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        conditions = op.match_conditions or ()
        found = (n for n in self._all() if all(_matches(n, condition) for condition in conditions))
        shown = sorted({namespace[: op.max_depth] for namespace in found})
        return shown[op.offset :][: op.limit]

    def _all(self) -> list[tuple[str, ...]]:
        return [tuple(name.split(_ROOT)) for name in self._memory.spaces()]

    def _stored(self, namespace: tuple[str, ...]) -> dict[str, StoredText]:
        name = _ROOT.join(namespace)
        if name not in self._memory.spaces():  # reading makes no folder
            return {}
        return {text.id: text for text in self._memory.space(name).list()}


def _text_of(value: Any) -> str:
    if set(value) == {"text"} and isinstance(value["text"], str) and not value["text"].startswith("{"):
        return value["text"]
    return json.dumps(dict(value), ensure_ascii=False)


def _fields(text: StoredText) -> dict[str, Any]:
    value: Any = {"text": text.text}
    if text.text.startswith("{"):
        try:
            value = json.loads(text.text)
        except ValueError:  # a text that somebody else stored
            value = {"text": text.text}
    at = datetime.fromisoformat(text.at) if text.at else datetime.fromtimestamp(0, UTC)
    return {"value": value, "created_at": at, "updated_at": at}


def _fits(value: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    return all(value.get(key) == expected for key, expected in (wanted or {}).items())


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return len(part) == len(path) and all(want in ("*", have) for want, have in zip(path, part, strict=True))
