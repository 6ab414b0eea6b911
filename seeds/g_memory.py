"""G-Memory: a graph of tasks; above it the insights that tasks support, below it what was done in each.

After G-Memory (Zhang, Fu, Wan, Yu, Wang and Yan, 2025, arXiv 2506.07398). A question finds the tasks most
like it, walks the edges of the task graph from them, goes up to the insights that those tasks support, and
down to their interactions, of which a model keeps what matters. Insights have scores. Every few tasks a model
compares a success with a failure, or reads several successes, and may ADD an insight (score 2), AGREE (+1),
EDIT (+1) or REMOVE (-1, or -3 while there are too many). An insight that is retrieved for a task gains 1 if
the task succeeds and loses 2 if it fails; at 0 it is dropped. At longer intervals the insights of a cluster
of tasks are merged.

Simplified: a write has one model call. So a revision starts from the newest task, in the published code
from five drawn at random, and reads a pair or the successes, not both; a merge is of the cluster with the
most insights, where the code merges all; clusters join each task with an insight to its nearest one, the
first step of FINCH. A read is a task whose outcome the memory never learns, so that insights gain and lose
with the episodes that are written. An edge joins tasks by similarity alone, where the paper has a model
choose among them. The agents of a team are one agent here, so that an interaction is a list of lines and
not a graph of messages. The walk is weighed by similarity and by the distance gone, and insights by the
tasks reached. One model call per read condenses the interactions; where it copies nothing, the lines that
share most words with the task are added. Where a revision's reply holds no vote, the agent's own insight is
added or agreed to; where a merge's reply holds no insight, nothing is merged.
"""

import re
from dataclasses import dataclass, field

import numpy as np

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Say what the task or the topic of this episode was, in one sentence that names everyone and "
    "everything in it, and whether it succeeded. Then state one insight that would help with similar ones: "
    "what worked, what failed, what holds in general."
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
    "failures": (1, 0, 4),
    "first_revision": (5, 1, 20),
    "revise_every": (5, 1, 20),
    "merge_every": (20, 2, 100),
    "insights": (10, 3, 30),
    "insight_characters": (900, 0, 1800),
    "prompt_characters": (24000, 4000, 60000),
}

CONDENSE = """\
Below are records of what was done and said in past tasks that resemble a new one. Copy, without changing
them, the lines of the records that help with the new task, each with the date or title of its record. Leave
out the rest. Reply with the lines only.

{records}

Question: {task}"""
REVISE = """\
{told}

{records}

Insights so far:
{insights}

Bring the insights up to date, so that they help with other tasks. Write at most four lines, in these forms:
AGREE <number>
EDIT <number>: <the insight, made more general or more exact>
REMOVE <number>
ADD: <a new insight in one general sentence that does not mention the records>{full}
"""
COMPARED = "A team succeeded at one task and failed at a similar one. Find out what made the difference."
SUCCEEDED = "A team succeeded at these tasks. Find out what helped in all of them."
FULL = "\nThere are too many: remove first."
MERGE = """\
Merge these insights into at most {count}: join what belongs together, and drop what is too special. One
insight a line, numbered.

{insights}
"""

VOTE = re.compile(
    r"^[^\w\n]*(ADD|AGREE|EDIT|REMOVE)(?:[^\w\n:]+(\d{1,4}))?[^\w\n:]*(?::[ \t*]*([^\n]*))?$", re.MULTILINE
)
NUMBERED = re.compile(r"^[^\w\n]*\d{1,2}[.)][ \t*]*([^\n]{4,})", re.MULTILINE)


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task or topic of the episode, in one sentence"})
    insight: str = field(metadata={"description": "One insight for similar tasks, in one sentence"})
    succeeded: bool = field(default=True, metadata={"description": "False if it clearly ended in failure"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question, in one sentence with every name"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.tasks = []  # {"record", "succeeded", "vector"}
        self.edges = {}  # task -> {neighbour: similarity}
        self.insights = []  # {"text", "score", "tasks": those that support it}

    def write(self, item, raw_text):
        number, key = len(self.tasks), item.task.strip() or raw_text.strip()[:500]
        if not key:
            return
        vector = self.toolkit.embed([key])[0]
        self._reward(vector, item.succeeded)
        self.edges[number] = {}
        for other, similarity in self._near(vector, knob("edges")):
            if similarity >= knob("edge_similarity"):
                self.edges[number][other] = self.edges[other][number] = similarity
        self.toolkit.vectors.add([number], [vector])
        self.tasks.append({"record": raw_text.strip(), "succeeded": item.succeeded, "vector": vector})
        if len(self.tasks) % knob("merge_every") == 0:
            self._merge()
        elif len(self.tasks) >= knob("first_revision") and len(self.tasks) % knob("revise_every") == 0:
            self._revise(number, " ".join(item.insight.split())[:300])

    def _near(self, vector, count):
        """The nearest tasks, as pairs of number and similarity."""
        return self.toolkit.vectors.search(vector, count) if self.tasks and count else []

    def _reward(self, vector, succeeded):
        """Change the scores of the insights that would have been retrieved for a task, by its outcome."""
        for insight in self._supported(self._walk(vector)):
            insight["score"] += 1 if succeeded else -2
        self._drop()

    def _drop(self):
        self.insights = [insight for insight in self.insights if insight["score"] > 0]

    def _revise(self, number, own):
        """Let the model vote on the insights of the newest task and of those like it."""
        found = self._near(self.tasks[number]["vector"], len(self.tasks))
        near = [n for n, similarity in found if similarity >= knob("edge_similarity")]
        successes = [n for n in near if self.tasks[n]["succeeded"]][:4]
        failures = [n for n in near if not self.tasks[n]["succeeded"]][:1]
        shown = [*successes[:1], *failures] if successes and failures else [*successes, *failures]
        related = [insight for insight in self.insights if 2 * len(insight["tasks"] & {*shown}) >= len(shown)]
        prompt = REVISE.format(
            told=COMPARED if successes and failures else SUCCEEDED if successes else "A team failed.",
            records=self._records(shown),
            insights="\n".join(f"{n}. {insight['text']}" for n, insight in enumerate(related, 1)) or "(none)",
            full=FULL if len(self.insights) > knob("insights") else "",
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        votes = [(kind, int(n) - 1 if n else -1, text.strip()) for kind, n, text in VOTE.findall(reply)]
        votes = [vote for vote in votes if self._lawful(*vote, len(related))][:4]
        if not votes and own:
            same = next((n for n, insight in enumerate(related) if insight["text"] == own), None)
            votes, shown = [("ADD", -1, own) if same is None else ("AGREE", same, "")], [number]
        self._apply(votes, related, set(shown))

    @staticmethod
    def _lawful(kind, position, text, count):
        text_needed = kind in ("ADD", "EDIT")
        return (kind == "ADD" or 0 <= position < count) and bool(text or not text_needed) and "<" not in text

    def _apply(self, votes, related, tasks):
        removal = 3 if len(self.insights) >= knob("insights") else 1
        for kind, position, text in sorted(votes, key=lambda vote: "REMOVE AGREE EDIT ADD".index(vote[0])):
            if kind == "ADD":
                if not any(insight["text"] == text for insight in self.insights):
                    self.insights.append({"text": text[:300], "score": 2, "tasks": set(tasks)})
                continue
            insight = related[position]
            insight["score"] += -removal if kind == "REMOVE" else 1
            if kind != "REMOVE":
                insight["tasks"] |= tasks
            if kind == "EDIT":
                insight["text"] = text[:300]
        self._drop()
        self.toolkit.logger.debug(f"votes: {votes}; {len(self.insights)} insights")

    def _merge(self):
        """Merge the insights of the cluster of tasks that has most of them."""
        found = [
            (cluster, [insight for insight in self.insights if insight["tasks"] & cluster])
            for cluster in self._clusters()
        ]
        cluster, related = max(found, key=lambda pair: len(pair[1]))
        if len(related) < 2:
            return
        listed = "\n".join(f"- {insight['text']}" for insight in related)
        prompt = MERGE.format(count=max(len(related) // 3, 1), insights=listed)
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        merged = [text.strip()[:300] for text in NUMBERED.findall(reply) if "<" not in text]
        if merged:
            kept = [insight for insight in self.insights if not any(insight is old for old in related)]
            fresh = [{"text": text, "score": 2, "tasks": set(cluster)} for text in merged[: len(related)]]
            self.insights = kept + fresh

    def _clusters(self):
        """Sets of tasks with insights that are joined by the edge of each task to its nearest one."""
        tasks = sorted({task for insight in self.insights for task in insight["tasks"]})
        if len(tasks) < 2:
            return [set(tasks)]
        vectors = np.stack([self.tasks[task]["vector"] for task in tasks])
        similarity = vectors @ vectors.T
        np.fill_diagonal(similarity, -2.0)
        parent = list(range(len(tasks)))  # a forest: the root of a tree names its cluster

        def root(n):
            while parent[n] != n:
                parent[n] = parent[parent[n]]
                n = parent[n]
            return n

        for n, nearest in enumerate(similarity.argmax(axis=1).tolist()):
            parent[root(n)] = root(nearest)
        clusters = {}
        for n, task in enumerate(tasks):
            clusters.setdefault(root(n), set()).add(task)
        return list(clusters.values())

    def read(self, query):
        if not self.tasks:
            return ""
        relevance = self._walk(self.toolkit.embed([query.task])[0])
        order = sorted(relevance, key=lambda n: (-relevance[n], n))
        failed = [n for n in order if not self.tasks[n]["succeeded"]]
        records = self._records([n for n in order if n not in failed[knob("failures") :]])
        prompt = CONDENSE.format(records=records, task=" ".join(query.task.split())[:1000])
        excerpts = self.toolkit.llm_completion([{"role": "user", "content": prompt}]).strip()
        if not any(line in records for line in excerpts.split("\n") if self._words(line)):
            excerpts = f"{excerpts[:600]}\n{self._matching(query.task, records)}".strip()
        insights = self._listed(self._supported(relevance))
        head = f"Insights:\n{insights}\n\n" if insights else ""
        return (head + f"Excerpts:\n{excerpts}")[:3000]

    def _walk(self, vector):
        """Task -> relevance, of the nearest tasks and of those within ``hops`` edges from one of them."""
        relevance = dict(self._near(vector, knob("top_k")))
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

    def _supported(self, relevance):
        """The insights that the tasks reached support, the best supported first."""
        scored = [
            (sum(relevance.get(task, 0.0) for task in sorted(insight["tasks"])), position)
            for position, insight in enumerate(self.insights)
        ]
        order = sorted(scored, key=lambda pair: (-pair[0], pair[1]))
        return [self.insights[position] for score, position in order if score > 0]

    @staticmethod
    def _listed(insights):
        lines, left = [], knob("insight_characters")
        for insight in insights:
            line = "- " + insight["text"]
            if len(line) <= left:
                lines.append(line)
                left -= len(line) + 1
        return "\n".join(lines)

    def _records(self, numbers):
        """The records of tasks, marked where they failed, as far as they fit into a prompt."""
        parts, left = [], knob("prompt_characters")
        for number in numbers:
            mark = "" if self.tasks[number]["succeeded"] else "(This one failed.)\n"
            parts.append((mark + self.tasks[number]["record"])[:left])
            left -= len(parts[-1])
        return "\n\n".join(part for part in parts if part)

    def _matching(self, task, records):
        asked = self._words(task)
        lines = [line for line in records.split("\n") if line.strip()]
        return "\n".join(sorted(lines, key=lambda line: -len(asked & self._words(line)))[:30])

    def _words(self, text):
        """Words that say something; of scripts without spaces all."""
        found = self.toolkit.words(text)
        return {word for word in found if len(word) > 3 or not word.isascii()}
