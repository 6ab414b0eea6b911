"""G-Memory: a graph of tasks; above it the insights that tasks support, below it what was done in each.

After G-Memory (Zhang, Fu, Wan, Yu, Wang and Yan, 2025, arXiv 2506.07398). A question finds the tasks most
like it, walks the edges of the task graph from them, goes up to the insights that those tasks support, and
down to their interactions, of which a model keeps what matters.

Simplified: an edge joins tasks by similarity alone, where the paper has a model choose among them; an
insight that says nearly the same as a stored one lends it its support, and is not rewritten. The agents of
a team are one agent here, so that an interaction is a list of lines and not a graph of messages. The walk
is weighed by similarity and by the distance gone. One model call per read condenses the interactions; where
it returns nothing, the lines that share most words with the task are kept.
"""

from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Say what the task or the topic of this episode was, in one sentence that names everyone and "
    "everything in it. Then state one insight that would help with similar ones: what worked, what "
    "failed, what holds in general."
)
INSTRUCTION_QUERY = "State the task or question in one sentence, with every name."
INSTRUCTION_RESPONSE = (
    "Insights come from several episodes, excerpts from one each. Follow the insights and take facts from "
    "the excerpts. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (3, 1, 8),
    "hops": (1, 0, 3),
    "edges": (3, 1, 8),
    "edge_similarity": (0.2, 0.0, 0.9),
    "hop_decay": (0.7, 0.1, 1.0),
    "same_insight": (0.9, 0.6, 1.0),
    "insight_characters": (900, 0, 1800),
    "prompt_characters": (24000, 4000, 60000),
}

CONDENSE = """\
Below are records of what was done and said in past tasks that resemble a new one. Copy, without changing
them, the lines of the records that help with the new task, each with the date or title of its record. Leave
out the rest. Reply with the lines only.

{records}

Question: {task}"""


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task or topic of the episode, in one sentence"})
    insight: str = field(metadata={"description": "One insight for similar tasks, in one sentence"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question, in one sentence with every name"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.tasks = []  # the interaction of each, as text
        self.edges = {}  # task -> {neighbour: similarity}
        self.insights = []  # {"text", "tasks": those that support it}

    def write(self, item, raw_text):
        number = len(self.tasks)
        key, insight = item.task.strip() or raw_text.strip()[:500], " ".join(item.insight.split())
        if not key:
            return
        vector = self.toolkit.embed([key])[0]
        near = self._near("task", vector, knob("edges"))
        self.edges[number] = {}
        for other, similarity in near:
            if similarity >= knob("edge_similarity"):
                self.edges[number][other] = self.edges[other][number] = similarity
        self.toolkit.vectors.add([("task", number)], [vector])
        self.tasks.append(raw_text.strip())
        if insight:
            self._support(insight, number)

    def _near(self, kind, vector, count):
        """The nearest nodes of one tier, as pairs of number and similarity."""
        found = self.toolkit.vectors.search(vector, len(self.toolkit.vectors))
        return [(key[1], similarity) for key, similarity in found if key[0] == kind][:count]

    def _support(self, text, task):
        vector = self.toolkit.embed([text])[0]
        near = self._near("insight", vector, 1)
        if near and near[0][1] >= knob("same_insight"):
            self.insights[near[0][0]]["tasks"].append(task)
            return
        self.toolkit.vectors.add([("insight", len(self.insights))], [vector])
        self.insights.append({"text": text, "tasks": [task]})

    def read(self, query):
        if not self.tasks:
            return ""
        relevance = self._walk(self.toolkit.embed([query.task])[0])
        insights = self._up(relevance)
        records, left = [], knob("prompt_characters")
        for number in sorted(relevance, key=lambda n: (-relevance[n], n)):
            records.append(self.tasks[number][:left])
            left -= len(records[-1])
            if left <= 0:
                break
        prompt = CONDENSE.format(records="\n\n".join(records), task=" ".join(query.task.split())[:1000])
        excerpts = self.toolkit.llm_completion([{"role": "user", "content": prompt}]).strip()
        if not self._words(excerpts):
            excerpts = self._matching(query.task, records)
        head = f"Insights:\n{insights}\n\n" if insights else ""
        return (head + f"Excerpts:\n{excerpts}")[:3000]

    def _walk(self, vector):
        """Task -> relevance, of the nearest tasks and of those within ``hops`` edges from one of them."""
        relevance = dict(self._near("task", vector, knob("top_k")))
        frontier = dict(relevance)
        for _ in range(knob("hops")):
            reached = {}
            for number, weight in frontier.items():
                for other, similarity in self.edges[number].items():
                    gained = weight * similarity * knob("hop_decay")
                    if gained > max(relevance.get(other, 0.0), reached.get(other, 0.0)):
                        reached[other] = gained
            relevance |= reached
            frontier = reached
        return relevance

    def _up(self, relevance):
        """The insights that the tasks reached support, the best supported first, as lines."""
        scored = [
            (sum(relevance.get(task, 0.0) for task in insight["tasks"]), position)
            for position, insight in enumerate(self.insights)
        ]
        lines, left = [], knob("insight_characters")
        for score, position in sorted(scored, key=lambda pair: (-pair[0], pair[1])):
            line = "- " + self.insights[position]["text"][:300]
            if score > 0 and len(line) <= left:
                lines.append(line)
                left -= len(line) + 1
        return "\n".join(lines)

    def _matching(self, task, records):
        asked = self._words(task)
        lines = [line for record in records for line in record.split("\n") if line.strip()]
        return "\n".join(sorted(lines, key=lambda line: -len(asked & self._words(line)))[:30])

    def _words(self, text):
        """Words that say something; of scripts without spaces all."""
        found = self.toolkit.words(text)
        return {word for word in found if len(word) > 3 or not word.isascii()}
