"""What the models of a campaign say, by rule: each a script of the test server.

What is said depends on what was asked alone, so that a disturbed campaign can be compared with an undisturbed
one, and one of many workers with one of few.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping

from evolve.models.chat import Role
from tests.server.scripts import Answer, Asked, Script

MODELS: Mapping[Role, str] = {
    "task": "gpt-4o-mini",
    "reflector": "gpt-4o",
    "toolkit": "gpt-4.1-nano",
    "judge": "gpt-4.1-mini",
    "embedding": "text-embedding-3-small",
}
"""Role → a model that litellm's table has a price for; at the test server all of them are scripts."""
RECENT = 'return "\\n".join(self.lines[-depth() :])'
RANKED = """words = set(query.question.rstrip("?").split())
        ranked = sorted(self.lines, key=lambda line: -len(words & set(line.rstrip(".").split())))
        return "\\n".join(ranked[: depth()])"""
IDEA = "Rank the lines by the words that they share with the question."
"""The scripted improvement: from a score of nearly 0 to one of 1."""
WIDTH = 6


def actors() -> dict[str, Script]:
    """Model's name → its script, for every role."""
    return {
        MODELS["task"]: task,
        MODELS["reflector"]: Reflector(),
        MODELS["toolkit"]: toolkit,
        MODELS["judge"]: judge,
        MODELS["embedding"]: embed,
    }


def cause(asked: Asked) -> str:
    """What the task model is asked for: extract, query or answer."""
    system = asked.body["messages"][0]["content"]
    starts = {"You fill in records": "extract", "You ask a memory": "query", "You answer a": "answer"}
    return next(name for start, name in starts.items() if system.startswith(start))


def within(tag: str, text: str) -> str:
    """What stands between ``<tag>`` and ``</tag>``."""
    found = re.search(rf"<{tag}>\n(.*?)\n</{tag}>", text, re.DOTALL)
    return found.group(1) if found else ""


def task(asked: Asked) -> str:
    """Fills records with what it read; answers where the memory has the line."""
    text = asked.body["messages"][1]["content"]
    match cause(asked):
        case "extract":
            return _filled(within("record", text), within("episode", text))
        case "query":
            return _filled(within("query", text), within("task", text))
        case _:
            who, what = re.findall(r"Where did (\w+) get the (\w+)\?", within("question", text))[0]
            found = re.search(rf"{who} got the {what} in (\w+)\.", within("memory", text))
            return found.group(1) if found else "I do not know."


def judge(asked: Asked) -> str:
    """Correct is what equals the reference."""
    text = asked.body["messages"][1]["content"]
    correct = within("reference", text).removeprefix("- ") == within("answer", text)
    return json.dumps({"reason": "compared", "correct": correct})


def toolkit(asked: Asked) -> str:
    """The first two lines."""
    return "\n".join(asked.body["messages"][-1]["content"].splitlines()[:2])


def embed(asked: Asked) -> Answer:
    """The sum of a vector for each word."""
    return Answer(vectors=[_vector(text) for text in asked.inputs])


def _vector(text: str) -> list[float]:
    vector = [0.01] * WIDTH
    for word in text.lower().rstrip(".?").split():
        for place, byte in enumerate(hashlib.shake_128(word.encode()).digest(WIDTH)):
            vector[place] += (byte - 127.5) / 128
    return vector


def _filled(outline: str, source: str) -> str:
    first = " ".join(source.split())[:60]
    fields = re.findall(r'^"(\w+)": (\w+)', outline, re.MULTILINE)
    return json.dumps({name: [first] if kind == "list" else first for name, kind in fields})


class Reflector:
    """Makes children, in one of several moods that the prompt decides.

    Args:
        moods: names of those it has; see ``MOODS``.
    """

    def __init__(self, *moods: str) -> None:
        self._moods = moods or ("improve", "unfit", "crash", "prose", "vary", "again", "unfit")

    def __call__(self, asked: Asked) -> str:
        prompt = asked.body["messages"][1]["content"]
        source = re.findall(r"^```python\n(.*?)^```", prompt, re.DOTALL | re.MULTILINE)[0]
        digest = hashlib.sha256(prompt.encode()).hexdigest()
        mood = self._moods[int(digest, 16) % len(self._moods)]
        mending = "Your answer did not become a program" in asked.body["messages"][-1]["content"]
        return MOODS[mood](source, scope_of(prompt), digest, mending)


def scope_of(prompt: str) -> str:
    """What the prompt lets change."""
    for sign, scope in (
        ("INSTRUCTION_RESPONSE and ALWAYS_ON_KNOWLEDGE. All else", "response"),
        ("the code of a program is frozen", "response"),
        ("Change what is taken from an episode", "extraction"),
        ("Change only how questions are put", "query"),
    ):
        if sign in prompt:
            return scope
    return "read"


def block(message: str, old: str, new: str) -> str:
    """An answer with one search/replace block."""
    marks = ("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE")
    return "\n".join(
        ("I looked at the cases.", f"MESSAGE: {message}", marks[0], old, marks[1], new, marks[2])
    )


def line_with(source: str, part: str) -> str:
    """The line of ``source`` that has ``part``."""
    return next(line for line in source.splitlines() if part in line)


def improve(source: str, scope: str, digest: str, mending: bool) -> str:
    """The scripted improvement, where there is something to improve."""
    if RECENT not in source or scope != "read":
        return vary(source, scope, digest, mending)
    return block(IDEA, f"        {RECENT}", f"        {RANKED}")


def vary(source: str, scope: str, digest: str, mending: bool) -> str:
    """Another number, or another instruction."""
    if scope == "read":
        (now,) = re.findall(r"^def depth\(\):\n    return (\d+)$", source, re.MULTILINE)
        wanted = 1 + int(digest[:8], 16) % 12
        depth = wanted + (wanted == int(now))
        return block(
            f"Return {depth} lines.", f"def depth():\n    return {now}", f"def depth():\n    return {depth}"
        )
    name = {"response": "RESPONSE", "extraction": "KNOWLEDGE_ITEM", "query": "QUERY"}[scope]
    old = line_with(source, f"INSTRUCTION_{name} = ")
    return block(f"Say it otherwise ({digest[:4]}).", old, f'{old[:-1]} Take care {digest[:4]}."')


def unfit(source: str, scope: str, digest: str, mending: bool) -> str:
    """An edit that does not apply, mended when told."""
    return (
        improve(source, scope, digest, mending) if mending else block("Try.", "    not there", "    nor here")
    )


def crash(source: str, scope: str, digest: str, mending: bool) -> str:
    """A read that raises, mended when told."""
    if mending or scope != "read":
        return vary(source, scope, digest, mending)
    old = line_with(source, "def read(self, query)")
    return block("Look it up.", old, f"{old}\n        self.index[query.question]")


def prose(source: str, scope: str, digest: str, mending: bool) -> str:
    """No edit at all, however often it is told."""
    return "I would rank the lines by what they have in common with the question."


def again(source: str, scope: str, digest: str, mending: bool) -> str:
    """The same program with another comment."""
    old = source.splitlines()[0]
    return block("Say what it is.", old, f"{old}\n# {digest[:6]}")


MOODS: Mapping[str, Callable[[str, str, str, bool], str]] = {
    "improve": improve,
    "vary": vary,
    "unfit": unfit,
    "crash": crash,
    "prose": prose,
    "again": again,
}
