"""Memp: procedures, each a script with its trajectory, are kept, revised or dropped by their success.

After Memp (Fang et al., 2025, arXiv 2508.06433). Build: a successful trajectory and a script that a model
abstracts from it. Retrieve: the procedures nearest to the task, by the task's text or by the mean vector of
its keywords. Update: only successes are added (validation); a failure has the procedure that was followed
revised (adjustment); a procedure that was followed three times or more and failed in over half of them goes.

Simplified: which procedure an episode followed is not recorded, so it is the one that would have been
retrieved for its task, if near enough; this happens in each write, where the paper updates after groups of
tasks. The success of an episode is said by the agent that extracts. One model call per write builds or
revises. Where a reply has no steps in the asked form, the agent's own steps are the script, and its mistake
is added to the script as a caution. The paper shows a script or a trajectory or both; a knob sets how much
of the space the trajectories get.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "State the task of this episode, or the topic of a conversation; its keywords; the steps or statements "
    "that mattered, in order; whether it succeeded; and the mistake that was made, if any."
)
INSTRUCTION_QUERY = "State the task or question in one sentence with every name, and list its keywords."
INSTRUCTION_RESPONSE = (
    "You see scripts of similar tasks, each with the record that it came from. Follow the script that fits "
    "best and take facts from the records. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (3, 1, 8),
    "by_keywords": (0, 0, 1),
    "followed_above": (0.5, 0.0, 1.0),
    "uses_before_drop": (3, 1, 10),
    "least_success": (0.5, 0.0, 1.0),
    "trajectory_share": (0.7, 0.0, 1.0),
    "steps": (8, 2, 20),
    "prompt_characters": (20000, 4000, 60000),
}

BUILD = """\
Abstract a script from the successful record below: the steps that any similar task needs, without detours and
without details that hold for this one only. Number the steps. Reply with the steps only.

Task: {task}

Record:
{record}
"""
REVISE = """\
An agent followed the script below and failed. Find out why from the record, and revise the script so that it
leads to success. First one sentence on the reason, then the complete script, its steps numbered.

Script:
{script}

Task: {task}

Record:
{record}
"""

STEP = re.compile(r"^[^\w\n]*\d{1,2}[.):][ \t*]*([^\n]{3,})", re.MULTILINE)


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task or the topic, in one sentence with every name"})
    keywords: list[str] = field(metadata={"description": "Keywords of the task"})
    steps: list[str] = field(metadata={"description": "What mattered, one statement each, in order"})
    mistake: str = field(default="", metadata={"description": "The mistake that was made; empty if none"})
    succeeded: bool = field(default=True, metadata={"description": "False if it clearly ended in failure"})


@dataclass
class Query:
    task: str = field(metadata={"description": "The task or question, in one sentence with every name"})
    keywords: list[str] = field(metadata={"description": "Keywords of the task"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.procedures = {}  # number -> {"task", "script", "trajectory", "uses", "successes"}
        self.count = 0

    def write(self, item, raw_text):
        task, trajectory = " ".join((item.task or raw_text).split())[:500], raw_text.strip()
        if not task:
            return
        vector = self._vector(task, item.keywords)
        near = self.toolkit.vectors.search(vector, 1)
        followed = near[0][0] if near and near[0][1] >= knob("followed_above") else None
        if followed is not None:
            self._judge(followed, item.succeeded)
        if item.succeeded:
            self._build(task, vector, item.steps, trajectory)
        elif followed in self.procedures:
            self._revise(followed, task, trajectory, item.mistake)

    def _vector(self, task, keywords):
        """The vector by which a task is stored and looked up."""
        words = [word for word in keywords[:16] if word.strip()]
        if not knob("by_keywords") or not words:
            return self.toolkit.embed([task])[0]
        mean = self.toolkit.embed(words).mean(axis=0)
        return mean / max(float((mean**2).sum()) ** 0.5, 1e-9)

    def _judge(self, number, succeeded):
        """Count a use of the procedure, and drop it if it failed too often."""
        procedure = self.procedures[number]
        procedure["uses"] += 1
        procedure["successes"] += succeeded
        rate = procedure["successes"] / procedure["uses"]
        if procedure["uses"] >= knob("uses_before_drop") and rate < knob("least_success"):
            del self.procedures[number]
            self.toolkit.vectors.remove([number])
            self.toolkit.logger.debug(f"dropped after {procedure['uses']} uses: {procedure['task']}")

    def _build(self, task, vector, steps, trajectory):
        if any(task == known["task"] for known in self.procedures.values()):
            return
        prompt = BUILD.format(task=task, record=trajectory[: knob("prompt_characters")])
        script = self._script(prompt) or [" ".join(step.split()) for step in steps if step.strip()]
        self.procedures[self.count] = {
            "task": task,
            "script": [step[:300] for step in script[: knob("steps")]],
            "trajectory": trajectory,
            "uses": 0,
            "successes": 0,
        }
        self.toolkit.vectors.add([self.count], [vector])
        self.count += 1

    def _revise(self, number, task, trajectory, mistake):
        procedure = self.procedures[number]
        prompt = REVISE.format(
            script=self._numbered(procedure["script"]),
            task=task,
            record=trajectory[: knob("prompt_characters")],
        )
        script, caution = self._script(prompt), "Avoid: " + " ".join(mistake.split())[:200]
        if script:
            procedure["script"] = script
        elif mistake.strip() and caution not in procedure["script"]:
            procedure["script"].append(caution)

    def _script(self, prompt):
        """The numbered steps of the model's reply; none if it has fewer than two."""
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        steps = [" ".join(step.split()).strip("* ")[:300] for step in STEP.findall(reply)][: knob("steps")]
        return steps if len(steps) > 1 else []

    @staticmethod
    def _numbered(script):
        return "\n".join(f"{number}. {step}" for number, step in enumerate(script, 1))

    def read(self, query):
        vector = self._vector(query.task, query.keywords)
        found = [number for number, _ in self.toolkit.vectors.search(vector, knob("top_k"))]
        records = int(3000 * knob("trajectory_share"))
        shown, left = [], 3000 - records
        for number in found:
            procedure = self.procedures[number]
            text = f"Script for: {procedure['task'][:200]}\n{self._numbered(procedure['script'])}"
            if procedure["script"] and len(text) + 2 <= left:
                shown.append(text)
                left -= len(text) + 2
        records += left  # what the scripts left
        for rank, number in enumerate(found):
            room = records // (len(found) - rank) - len("Record:\n") - 2
            text = self._matching(self.procedures[number]["trajectory"], query.task, room)
            if text and knob("trajectory_share"):
                shown.append(f"Record:\n{text}")
                records -= len(shown[-1]) + 2
        return "\n\n".join(shown)[:3000]

    def _matching(self, text, task, room):
        """The text, or of a longer one its first line and the lines that share words with the task."""
        if len(text) <= room:
            return text
        lines, asked, chosen = text.split("\n"), set(self.toolkit.words(task)), []
        shared = [len(asked.intersection(self.toolkit.words(line))) for line in lines]
        for n in sorted(range(len(lines)), key=lambda n: (n > 0, -shared[n], n)):
            if len(lines[n]) + 1 <= room:
                chosen.append(n)
                room -= len(lines[n]) + 1
        return "\n".join(lines[n] for n in sorted(chosen))
