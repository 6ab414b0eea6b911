"""AWM: reusable workflows, steps with variables in the place of values, induced from episodes that succeeded.

After Agent Workflow Memory (Wang, Mao, Fried and Neubig, 2024, arXiv 2409.07429), online: each success adds
what can be induced from it, and the workflows are put before the agent with the next task.

Simplified: the agent that extracts says whether the goal was reached, where the paper asks an evaluator. One
model call per write induces at most three workflows. A step is an action or utterance; the paper's steps also
hold the state of the page and the reasoning. Where the reply holds no workflow, induction by rule is used, as
in the paper: an episode is a workflow, and episodes of the same actions in the same order are one. To compare
them, what is quoted, numbered or named becomes a variable; the paper compares actions and their targets, and
keeps the values. Workflows of the same name are merged: the longer one stays, and counts how often it was
seen. The paper shows all workflows of a web site; here those that fit, by likeness to the goal, as one script
of the code does, and then by how often they were seen.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "State the goal that was pursued in this episode, whether it was reached, and the steps that led "
    "there, one action or utterance each, in order and as they were taken. Leave out detours."
)
INSTRUCTION_QUERY = "State the goal at hand in one sentence, with every object and name."
INSTRUCTION_RESPONSE = (
    "Workflows are recipes from earlier successes: fill their {variables} with what the task names. Under "
    "a workflow stands one example of its use. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (6, 1, 20),
    "support_weight": (0.05, 0.0, 0.5),
    "steps": (10, 2, 30),
    "step_characters": (160, 40, 400),
    "prompt_characters": (20000, 4000, 60000),
}

INDUCE = """\
Below is the record of an agent that reached its goal. Induce at most three workflows: sequences of two or
more steps that will be needed for similar goals too. Put a variable in braces in the place of every value
that would differ, such as {{object}} or {{person}}; keep what is always the same. No two workflows may
overlap. Do not retell the record. Write a workflow like this:
Workflow: <what it achieves>
1. <step>
2. <step>

Goal: {goal}

Record:
{record}
"""

HEAD = re.compile(
    r"^[^\w\n]*workflow(?: \d+)?[^\w\n]*:[^\w\n]*(?P<name>[^\n]+?)[ \t*]*$", re.IGNORECASE | re.MULTILINE
)
STEP = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]*([^\n]+)", re.MULTILINE)
VALUES = (
    ("text", re.compile(r"\"[^\"]+\"|'[^']{2,}'(?!\w)|“[^”]+”")),
    ("name", re.compile(r"(?<=[\w,;] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")),
    ("number", re.compile(r"\b\d+(?:[.,:]\d+)*\b")),
)


@dataclass
class KnowledgeItem:
    goal: str = field(metadata={"description": "The goal that was pursued, in one sentence"})
    steps: list[str] = field(metadata={"description": "The actions that led there, one each, in order"})
    reached: bool = field(default=True, metadata={"description": "False if it clearly ended in failure"})


@dataclass
class Query:
    goal: str = field(metadata={"description": "The goal at hand, in one sentence"})


def knob(name):
    return KNOBS[name][0]


def abstract(step):
    """The step with variables in the place of what is quoted, of names within a sentence and of numbers."""
    for kind, pattern in VALUES:
        step = pattern.sub(f"{{{kind}}}", step)
    return step


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.workflows = {}  # name or abstract steps -> {"name", "steps", "seen", "example"}

    def write(self, item, raw_text):
        if not item.reached:
            return
        steps = [" ".join(step.split())[: knob("step_characters")] for step in item.steps]
        steps = [step for step in steps if step][: knob("steps")]
        induced = self._induce(item.goal[:500], raw_text)
        if not induced and steps:
            induced = [
                (" ".join(abstract(item.goal).split())[:120], [abstract(step) for step in steps], steps)
            ]
        for name, pattern, example in induced:
            self._add(name, pattern, example)

    def read(self, query):
        found = self.toolkit.vectors.search(self.toolkit.embed([query.goal])[0], len(self.workflows))
        scores = {
            key: score + knob("support_weight") * (self.workflows[key]["seen"] - 1) for key, score in found
        }
        shown, left = [], 3000
        for key in sorted(scores, key=lambda key: -scores[key])[: knob("top_k")]:
            text = self._layout(self.workflows[key])
            if len(text) < left:
                shown.append(text)
                left -= len(text) + 2
        return "\n\n".join(shown)

    def _induce(self, goal, record):
        """The workflows of the model's reply as (name, steps, example); none where it has another form."""
        prompt = INDUCE.format(goal=goal, record=record[: knob("prompt_characters")])
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        heads = list(HEAD.finditer(reply))
        found = []
        for position, head in enumerate(heads):
            end = heads[position + 1].start() if position + 1 < len(heads) else len(reply)
            body = reply[head.end() : end]
            steps = [step.strip()[: knob("step_characters")] for step in STEP.findall(body)][: knob("steps")]
            if len(steps) > 1 and "<step>" not in steps:  # our own form, quoted back
                found.append((head["name"][:200], steps, []))
        return found[:3]

    def _add(self, name, steps, example):
        key = " ".join(self.toolkit.words(" ".join(steps) if example else name))
        known = self.workflows.get(key)
        if known is None:
            text = "\n".join([name, *(example or steps)])
            self.toolkit.vectors.add([key], self.toolkit.embed([text]))
            self.workflows[key] = {"name": name, "steps": steps, "seen": 1, "example": example}
            return
        known["seen"] += 1
        if len(steps) > len(known["steps"]):
            known["steps"] = steps

    @staticmethod
    def _layout(workflow):
        seen = f" (seen {workflow['seen']} times)" if workflow["seen"] > 1 else ""
        steps = [f"{number}. {step}" for number, step in enumerate(workflow["steps"], 1)]
        changed = [step for step in workflow["example"] if step not in workflow["steps"]]
        example = ["For example: " + " / ".join(changed)] if changed else []
        return "\n".join([f"Workflow: {workflow['name']}{seen}", *steps, *example])
