"""AgentRunbook-R: separate pools for raw states, events and notes, each searched by a query of its own.

After the retrieval baseline of LongMemEval-V2 (Wu et al., 2026, arXiv 2605.12493): slices of what was
observed answer what was there, events what changed and why, and notes how things are done and what goes
wrong; what each pool returns is put together as compact evidence.

Simplified: states are runs of lines of the record, since an episode is text here and not screenshots of
pages. Events and notes are extracted by the agent, so that no model is called. A pool that has less to say
leaves its share of what may be read to the others.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "List the events of this episode: what happened or changed, who or what caused it, and what came of "
    "it, one sentence each with names and dates. List notes for whoever does this again: procedures that "
    "work, hints, and traps to avoid."
)
INSTRUCTION_QUERY = (
    "Write three queries: one for the state or statement that was seen, word for word as it may stand in "
    "the record; one for the event that changed something; one for the procedure or trap that matters."
)
INSTRUCTION_RESPONSE = (
    "Evidence comes from three pools. States are exact, events tell what changed, notes tell how things "
    "are done. Answer in as few words as possible; say so if the question assumes what the evidence "
    "denies."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "slice_characters": (300, 120, 1000),
    "states_share": (0.6, 0.1, 1.0),
    "events_share": (0.3, 0.0, 1.0),
    "notes_share": (0.1, 0.0, 1.0),
    "entry_characters": (400, 100, 800),
}


@dataclass
class KnowledgeItem:
    events: list[str] = field(metadata={"description": "What happened or changed, one sentence each"})
    notes: list[str] = field(metadata={"description": "Procedures, hints and traps, one sentence each"})


@dataclass
class Query:
    state_query: str = field(metadata={"description": "What was seen or said"})
    event_query: str = field(metadata={"description": "What happened or changed"})
    note_query: str = field(metadata={"description": "The question of how it is done, or what can go wrong"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.pools = {
            pool: toolkit.chroma.get_or_create_collection(pool) for pool in ("states", "events", "notes")
        }

    def write(self, item, raw_text):
        heading, _, body = raw_text.strip().partition("\n")
        if not body or len(heading) > 100:
            heading, body = "", raw_text.strip()
        self._store("states", heading, self._slices(body))
        self._store("events", heading, item.events)
        self._store("notes", heading, item.notes)

    def read(self, query):
        queries = {"states": query.state_query, "events": query.event_query, "notes": query.note_query}
        total = sum(knob(f"{pool}_share") for pool in queries)
        # The narrow pools are served first; what they leave over goes to the states.
        left, owed, found = 2900, total, {}
        for pool in ("notes", "events", "states"):
            share = knob(f"{pool}_share")
            found[pool] = self._search(pool, queries[pool], int(left * share / owed) if share else 0)
            left -= len(found[pool])
            owed -= share
        return "\n\n".join(f"{pool.capitalize()}:\n{found[pool]}" for pool in queries if found[pool])

    def _slices(self, body):
        """Whole lines together up to the size of a slice; a longer line is cut."""
        size, slices = knob("slice_characters"), []
        lines = [
            line[at : at + size] for line in body.split("\n") for at in range(0, len(line.strip()), size)
        ]
        for line in lines:
            if slices and len(slices[-1]) + len(line) < size:
                slices[-1] += "\n" + line
            else:
                slices.append(line)
        return slices

    def _store(self, pool, heading, entries):
        """Add what the pool does not have yet; the heading of the episode is kept beside it."""
        limit = max(knob("entry_characters"), knob("slice_characters"))
        texts = dict.fromkeys(entry.strip()[:limit] for entry in entries)
        fresh = [text for text in texts if text]
        if fresh:
            first = self.pools[pool].count()
            self.pools[pool].add(
                ids=[str(first + n) for n in range(len(fresh))],
                documents=fresh,
                metadatas=[{"heading": heading} for _ in fresh],
            )

    def _search(self, pool, query, budget):
        """The entries nearest to the query that fit, nearest first, each after its heading."""
        collection = self.pools[pool]
        if not collection.count() or not query.strip() or budget <= 0:
            return ""
        found = collection.query(query_texts=[query], n_results=min(30, collection.count()))
        lines, shown = [], set()
        for text, metadata in zip(found["documents"][0], found["metadatas"][0], strict=True):
            entry = f"[{metadata['heading']}] {text}" if metadata["heading"] else text
            if text not in shown and len(entry) < budget:
                lines.append(entry)
                shown.add(text)
                budget -= len(entry) + 1
        return "\n".join(lines)
