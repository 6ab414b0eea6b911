"""AgentRunbook-R: separate pools for raw states, events and notes, each searched by a query of its own.

After the retrieval baseline of LongMemEval-V2 (Wu et al., 2026, arXiv 2605.12493): slices of what was
observed answer what was there, events what changed and why, and notes how things are done and what goes
wrong; what each pool returns is put together as compact evidence. As there, a slice is a state with the one
before and the one after it, up to five queries share what states may take, notes of procedures and of hints
are searched apart, and notes come before events and events before states.

Simplified: a state is a run of lines of the record, since an episode is text here and not screenshots of
pages. Events and notes are extracted by the agent, so that no model is called; the paper describes each
transition between two states, and writes one note of each kind for an episode. The queries are written
without the summary of the pools that the paper's model is shown. Pools have shares of the characters that may
be read and not numbers of results; what one leaves over goes to the others. Reranking by a model, which is
off by default in the published code, is left out.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "List the events of this episode: what happened or changed, who or what caused it, and what came of "
    "it, one sentence each with names and dates. List notes for whoever does this again: procedures that "
    "work, and apart from them hints and traps to avoid."
)
INSTRUCTION_QUERY = (
    "Write queries: for each state or statement that must have been seen, one with the words as they may "
    "stand in the record, five at most, and only one where a single place tells all; one for the event that "
    "changed something, empty if nothing had to change; one for the procedure or trap that matters, broader "
    "than the question."
)
INSTRUCTION_RESPONSE = (
    "Evidence comes from three pools. States are exact, events tell what changed, notes tell how things "
    "are done. Answer in as few words as possible; say so if the question assumes what the evidence "
    "denies."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "state_characters": (100, 40, 500),
    "radius": (1, 0, 3),
    "states_share": (0.6, 0.1, 1.0),
    "events_share": (0.3, 0.0, 1.0),
    "notes_share": (0.1, 0.0, 1.0),
    "entry_characters": (400, 100, 800),
}

POOLS = ("procedures", "hints", "events", "states")  # in the order in which they are shown
STATE_QUERIES = 5


@dataclass
class KnowledgeItem:
    events: list[str] = field(metadata={"description": "What happened or changed, one sentence each"})
    procedure_notes: list[str] = field(metadata={"description": "Procedures that work, one sentence each"})
    hint_notes: list[str] = field(metadata={"description": "Hints and traps, one sentence each"})


@dataclass
class Query:
    state_queries: list[str] = field(
        metadata={"description": "What was seen or said, one query for each place"}
    )
    event_query: str = field(metadata={"description": "What happened or changed; may be empty"})
    note_query: str = field(metadata={"description": "The question of how it is done, or what can go wrong"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.pools = {pool: toolkit.chroma.get_or_create_collection(pool) for pool in POOLS}
        self.states = []  # runs of lines of all episodes, in their order

    def write(self, item, raw_text):
        heading, _, body = raw_text.strip().partition("\n")
        if not body or len(heading) > 100:
            heading, body = "", raw_text.strip()
        self._store_states(heading, body)
        self._store("events", heading, item.events)
        self._store("procedures", heading, item.procedure_notes)
        self._store("hints", heading, item.hint_notes)

    def read(self, query):
        queries = {
            "hints": [query.note_query],
            "procedures": [query.note_query],
            "events": [query.event_query],
            "states": list(dict.fromkeys(query.state_queries))[:STATE_QUERIES],
        }
        notes = knob("notes_share") / 2
        shares = {
            "hints": notes,
            "procedures": notes,
            "events": knob("events_share"),
            "states": knob("states_share"),
        }
        # The narrow pools are served first; what they leave over goes to the states.
        left, owed, found, shown = 2880, sum(shares.values()), {}, set()
        for pool, share in shares.items():
            found[pool] = self._search(pool, queries[pool], int(left * share / owed) if share else 0, shown)
            left -= len(found[pool])
            owed -= share
        return "\n\n".join(f"{pool.capitalize()}:\n{found[pool]}" for pool in POOLS if found[pool])

    def _store_states(self, heading, body):
        """Index each state together with its neighbours."""
        first = len(self.states)
        self.states += [text for text in self._runs(body) if text.strip()]
        numbers = range(first, len(self.states))
        slices = [
            (max(first, n - knob("radius")), min(len(self.states), n + knob("radius") + 1)) for n in numbers
        ]
        if slices:
            self.pools["states"].add(
                ids=[str(n) for n in numbers],
                documents=["\n".join(self.states[start:end]) for start, end in slices],
                metadatas=[{"heading": heading, "start": start, "end": end} for start, end in slices],
            )

    @staticmethod
    def _runs(body):
        """Whole lines together up to the size of a state; a longer line is cut."""
        size, runs = knob("state_characters"), []
        lines = [
            line[at : at + size] for line in body.split("\n") for at in range(0, len(line.strip()), size)
        ]
        for line in lines:
            if runs and len(runs[-1]) + len(line) < size:
                runs[-1] += "\n" + line
            else:
                runs.append(line)
        return runs

    def _store(self, pool, heading, entries):
        """Add what the pool does not have yet; the heading of the episode is kept beside it."""
        texts = dict.fromkeys(entry.strip()[: knob("entry_characters")] for entry in entries)
        fresh = [text for text in texts if text]
        if fresh:
            first = self.pools[pool].count()
            self.pools[pool].add(
                ids=[str(first + n) for n in range(len(fresh))],
                documents=fresh,
                metadatas=[{"heading": heading} for _ in fresh],
            )

    def _search(self, pool, queries, budget, shown):
        """What is nearest to each query and was not shown yet, as far as it fits its part of the budget."""
        collection, lines = self.pools[pool], []
        queries = [query for query in queries if query.strip()]
        if not collection.count() or budget <= 0:
            return ""
        for position, query in enumerate(queries):
            left = budget // (len(queries) - position)
            found = collection.query(query_texts=[query], n_results=min(60, collection.count()))
            for text, metadata in zip(found["documents"][0], found["metadatas"][0], strict=True):
                parts = range(metadata["start"], metadata["end"]) if "start" in metadata else (text,)
                fresh = [part for part in parts if part not in shown]
                text = "\n".join(self.states[part] if pool == "states" else part for part in fresh)
                entry = f"[{metadata['heading']}] {text}" if metadata["heading"] else text
                if fresh and len(entry) < left:
                    lines.append(entry)
                    shown.update(fresh)
                    left -= len(entry) + 1
                    budget -= len(entry) + 1
        return "\n".join(lines)
