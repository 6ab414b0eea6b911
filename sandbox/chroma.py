"""The API of chromadb's client: named collections, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from batch import Metadata
from collection import Collection, space_of


class NotFoundError(ValueError):
    """There is no collection of that name."""


class Client:
    """Named collections; ``embed`` (texts → array (n, d)) serves those without a function of their own."""

    def __init__(self, embed: Callable[[Sequence[str]], Any]) -> None:
        self._embed = embed
        self._collections: dict[str, Collection] = {}

    def create_collection(
        self,
        name: str,
        metadata: Metadata | None = None,
        embedding_function: Callable[[Sequence[str]], Any] | None = None,
        get_or_create: bool = False,
        configuration: dict[str, Any] | None = None,
        **_options: Any,
    ) -> Collection:
        if name in self._collections:
            if get_or_create:
                return self._collections[name]
            raise ValueError(f"Collection [{name}] already exists")
        space = space_of(metadata, configuration)
        collection = Collection(name, metadata, space, embedding_function or self._embed)
        self._collections[name] = collection
        return collection

    def get_or_create_collection(
        self,
        name: str,
        metadata: Metadata | None = None,
        embedding_function: Callable[[Sequence[str]], Any] | None = None,
        configuration: dict[str, Any] | None = None,
        **_options: Any,
    ) -> Collection:
        return self.create_collection(name, metadata, embedding_function, True, configuration)

    def get_collection(self, name: str, embedding_function: Any = None, **_options: Any) -> Collection:
        if name not in self._collections:
            raise NotFoundError(f"Collection [{name}] does not exist")
        return self._collections[name]

    def list_collections(self) -> list[Collection]:
        return list(self._collections.values())

    def count_collections(self) -> int:
        return len(self._collections)

    def delete_collection(self, name: str) -> None:
        if name not in self._collections:
            raise NotFoundError(f"Collection [{name}] does not exist")
        del self._collections[name]

    def reset(self) -> bool:
        self._collections.clear()
        return True

    def heartbeat(self) -> int:
        return 1


def as_chromadb(client: Client) -> ModuleType:
    """A module to import as ``chromadb``, all of whose clients are ``client``."""
    module = ModuleType("chromadb")

    def connect(*_arguments: Any, **_options: Any) -> Client:
        return client

    for name in ("Client", "EphemeralClient", "PersistentClient"):
        setattr(module, name, connect)
    module.Collection = Collection  # type: ignore[attr-defined]
    module.ClientAPI = Client  # type: ignore[attr-defined]
    return module
