"""Voyager's skill library: named skills, found by their descriptions, build on each other and are refined.

After Voyager (Wang, Xie, Jiang, Mandlekar, Xiao, Zhu, Fan and Anandkumar, 2023, arXiv 2305.16291). A skill is
a program with a name. It enters the library after it has worked; a model describes it; a new task finds the
skills whose descriptions are nearest. A skill of a known name replaces the one before it. What goes wrong,
the feedback of the environment and a critic's view, is put before the model, which writes the skill again.

Simplified: skills are numbered steps in words, not JavaScript, and a step "use NAME" calls another skill,
which is then shown as well. The paper refines a skill up to four times before it is stored. A memory cannot
try again, so here a later failure at a similar task refines the stored skill, and a failure without such a
skill stores nothing. Whether an episode worked is said by the agent that extracts, not by a critic. One model
call per write names, describes and writes the skill. Where its reply has no skill in the asked form, the
agent's own steps become one, and a failure's feedback becomes a note on the skill. The automatic curriculum
chooses tasks, which is not a matter of memory, and is left out.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "State the task of this episode, whether it was completed, the actions that completed it, one each and "
    "in order, and the feedback: what went wrong, if anything did. For a conversation the task is its topic, "
    "and the actions are the statements that matter."
)
INSTRUCTION_QUERY = "Describe the task at hand in one sentence: what is to be achieved, with every name."
INSTRUCTION_RESPONSE = (
    "Skills are procedures that have worked before; a step 'use NAME' means another skill. Adapt those that "
    "fit to the task. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "top_k": (5, 1, 12),
    "offered": (5, 0, 12),
    "refined_above": (0.4, 0.0, 1.0),
    "steps": (16, 3, 40),
    "step_characters": (240, 40, 600),
    "notes": (2, 0, 5),
    "prompt_characters": (20000, 4000, 60000),
}

ADD = """\
An agent completed the task below. Write the skill that does this and similar tasks: a general procedure, not
a record of this one. A step may be "use NAME", where NAME is one of the skills below. If one of them is
this very skill, keep its name: yours replaces it.
"""
REFINE = """\
An agent failed at the task below, which is like the one that the skill {name} is for. Write this skill again
under the same name, so that it would have worked.

{skill}

Feedback: {feedback}
"""
FORM = """\
Write it in this form:
Skill: <name of one to four words, in camelCase>
Description: <one sentence: what it achieves, and with what>
1. <step>
2. <step>
{known}
Task: {task}

Record:
{record}
"""

SKILL = re.compile(
    r"^[^\w\n]*skill[^\w\n]*:[^\w\n]*(?P<name>\w[\w -]{0,60})[^\w\n]*\n+"
    r"[^\w\n]*description[^\w\n]*:(?P<description>[^\n]+)\n",
    re.IGNORECASE | re.MULTILINE,
)
STEP = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]*([^\n]+)", re.MULTILINE)
CALL = re.compile(r"\buse (\w+)")


@dataclass
class KnowledgeItem:
    task: str = field(metadata={"description": "The task or the topic of the episode, in one sentence"})
    steps: list[str] = field(metadata={"description": "The actions or statements, one each, in order"})
    feedback: str = field(default="", metadata={"description": "What went wrong; empty if nothing did"})
    completed: bool = field(default=True, metadata={"description": "False if it clearly ended in failure"})


@dataclass
class Query:
    task: str = field(metadata={"description": "What is to be achieved, in one sentence with every name"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.skills = {}  # name -> {"description", "steps", "notes", "version"}

    def write(self, item, raw_text):
        task = " ".join((item.task or raw_text).split())[:500]
        if not task:
            return
        near = self.toolkit.vectors.search(self.toolkit.embed([task])[0], max(knob("offered"), 1))
        if item.completed:
            known = [f"{name}: {self.skills[name]['description']}" for name, _ in near[: knob("offered")]]
            skill = self._written(ADD, known, task, raw_text) or self._own(item, task)
            if skill:
                self._store(*skill)
        elif near and near[0][1] >= knob("refined_above"):
            name, feedback = near[0][0], item.feedback.strip()[:2000]
            head = REFINE.format(name=name, skill=self._layout(name), feedback=feedback or "none")
            skill = self._written(head, [], task, raw_text)
            if skill:
                self._store(name, *skill[1:])
            else:
                self._note(name, feedback)

    def read(self, query):
        found = self.toolkit.vectors.search(self.toolkit.embed([query.task])[0], knob("top_k"))
        order = [name for name, _ in found]
        for name in order:  # and the skills that these call, and those that they call
            order += [other for other in self._calls(name) if other not in order]
        shown, left = [], 3000
        for name in order:
            text = self._layout(name)[:2990]
            if len(text) < left:
                shown.append(text)
                left -= len(text) + 2
        return "\n\n".join(shown)

    def _written(self, head, known, task, record):
        """Name, description and steps of the skill in the model's reply; None if it has another form."""
        library = "\n".join(["", "Skills of the library:", *known, ""]) if known else ""
        prompt = head + FORM.format(known=library, task=task, record=record[: knob("prompt_characters")])
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        found = SKILL.search(reply)
        steps = STEP.findall(reply[found.end() :]) if found else []
        if not found or not steps or "<" in found["description"]:  # "<": our own form, quoted back
            return None
        return self._name(found["name"]), found["description"].strip("* "), steps

    def _own(self, item, task):
        """A skill from what the agent extracted; None without a step."""
        words = re.findall(r"\w+", task.lower())
        steps = [step for step in item.steps if step.strip()]
        return (self._name(" ".join(words[:8])), task, steps) if words and steps else None

    @staticmethod
    def _name(text):
        first, *others = text.replace("-", " ").split() or ["skill"]
        return first[0].lower() + first[1:] + "".join(word[0].upper() + word[1:] for word in others)

    def _store(self, name, description, steps):
        """Put a skill into the library, in place of the one of that name."""
        version = self.skills[name]["version"] + 1 if name in self.skills else 1
        steps = [" ".join(step.split())[: knob("step_characters")] for step in steps[: knob("steps")]]
        description = " ".join(description.split())[:300]
        self.skills[name] = {"description": description, "steps": steps, "notes": [], "version": version}
        self.toolkit.vectors.add([name], self.toolkit.embed([f"{name}: {description}"]))
        self.toolkit.logger.debug(f"skill {name}, version {version}, {len(steps)} steps")

    def _note(self, name, feedback):
        """Keep the feedback beside the skill; the latest notes only."""
        note = " ".join(feedback.split())[: knob("step_characters")]
        notes = self.skills[name]["notes"]
        if note and note not in notes:
            notes.append(note)
            del notes[: max(len(notes) - knob("notes"), 0)]

    def _calls(self, name):
        """The skills that the steps of this one use."""
        called = (call for step in self.skills[name]["steps"] for call in CALL.findall(step))
        return [other for other in dict.fromkeys(called) if other in self.skills]

    def _layout(self, name):
        skill = self.skills[name]
        lines = [f"Skill {name}: {skill['description']}"]
        lines += [f"{number}. {step}" for number, step in enumerate(skill["steps"], 1)]
        return "\n".join([*lines, *(f"Beware: {note}" for note in skill["notes"])])
