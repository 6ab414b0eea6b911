"""Vector stores of others, each opened to store texts and to recall them with the vectors of one embedder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from reference_scores import packed

from evolve.models.embeddings import Embedder

NEAREST = 100  # texts asked of a vector store: more than fit into the limit
Recall = Callable[[str], str]


@contextmanager
def chroma(embedder: Embedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """A chromadb collection in memory, with our vectors; ImportError where it is not installed."""
    import chromadb  # type: ignore[import-not-found]

    client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("turns", metadata={"hnsw:space": "cosine"}, embedding_function=None)

    def store(texts: Sequence[str]) -> None:
        for start in range(0, len(texts), 1_000):
            block = list(texts[start : start + 1_000])
            ids = [str(start + number) for number in range(len(block))]
            collection.add(ids=ids, documents=block, embeddings=embedder.embed(block))

    def recall(question: str) -> str:
        found = collection.query(query_embeddings=embedder.embed([question]), n_results=NEAREST)
        return packed(found["documents"][0])

    yield store, recall


@contextmanager
def mem0(embedder: Embedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """A mem0 memory without a language model, with our vectors; ImportError where it is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": folder}  # it looks at its import
        from mem0 import Memory  # type: ignore[import-not-found]
        from mem0.embeddings.base import EmbeddingBase  # type: ignore[import-not-found]

        class Ours(EmbeddingBase):
            def embed(self, text: str, memory_action: str | None = None) -> list[float]:
                return embedder.embed([text])[0].tolist()

        place = {"path": f"{folder}/qdrant", "embedding_model_dims": embedder.dimension, "on_disk": True}
        unused = {"provider": "openai", "config": {"api_key": "none"}}  # one must be named; none is asked
        config = {
            "vector_store": {"provider": "qdrant", "config": place},
            "history_db_path": f"{folder}/history.db",
            "llm": unused,
            "embedder": unused,
        }
        memory = Memory.from_config(config)
        memory.embedding_model = Ours()

        def store(texts: Sequence[str]) -> None:
            for text in texts:
                memory.add(text, user_id="turns", infer=False)

        def recall(question: str) -> str:
            found = memory.search(question, filters={"user_id": "turns"}, top_k=NEAREST, threshold=0.0)
            return packed(row["memory"] for row in found["results"])

        yield store, recall
        memory.close()


@contextmanager
def langgraph(embedder: Embedder) -> Iterator[tuple[Callable[[Sequence[str]], None], Recall]]:
    """LangGraph's store in memory, with our vectors; ImportError where it is not installed."""
    from langgraph.store.memory import InMemoryStore

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return embedder.embed(list(texts)).tolist()

    kept = InMemoryStore(index={"dims": embedder.dimension, "embed": embed, "fields": ["text"]})

    def store(texts: Sequence[str]) -> None:
        for number, text in enumerate(texts):
            kept.put(("turns",), str(number), {"text": text})

    def recall(question: str) -> str:
        found = kept.search(("turns",), query=question, limit=NEAREST)
        return packed(item.value["text"] for item in found)

    yield store, recall
