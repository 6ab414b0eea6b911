"""Ideas for a change that match the failures, and the definition to start from."""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from evolve.config.sections import Freeze
from evolve.models.prompts import Prompt
from evolve.mutation.offline.failure_analysis import Cue, diagnose
from evolve.mutation.protocol import MutationContext, Scope
from evolve.program import MemoryProgram
from evolve.program.parsing import UNPARSABLE
from evolve.program.parts import INSTRUCTIONS
from evolve.program.reach import reached
from evolve.program.source import source_of

Place = Literal["write", "rank", "output", "numbers", "record", "query", "answer"]
"""Place of a change: what is stored, how it is scored, how text is put together, a value in KNOBS, or the
instruction for extracting a record, for formulating a query or for answering.
"""
_GENERAL_WEIGHT = 0.1  # against the cues' shares of the questions
_METHODS: tuple[Place, ...] = ("write", "rank", "output")
"""Places at which an idea is of use without a definition, too."""
_TEXTS: Mapping[Place, str] = MappingProxyType(
    {"record": INSTRUCTIONS[0], "query": INSTRUCTIONS[1], "answer": INSTRUCTIONS[2]}
)
_PLACES: Mapping[Scope, tuple[Place, ...]] = MappingProxyType(
    {
        "read": ("rank", "output", "numbers"),
        "write": ("write", "numbers"),
        "everything": (*_METHODS, "numbers"),
        "extraction": ("record",),
        "query": ("query",),
        "response": ("answer",),
    }
)


@dataclass(frozen=True)
class Idea:
    """A change to suggest.

    Attributes:
        text: the change, in the imperative.
        place: place of the change.
        definition: text of a method of the program there, without indentation, of its KNOBS for
            ``numbers``, or of an instruction; empty where there is none.
    """

    text: str
    place: Place
    definition: str = ""


def ideas_for(
    context: MutationContext,
    texts: Prompt,
    rng: random.Random,
    count: int = 1,
    *,
    blind: bool = False,
    freeze: Freeze | None = None,
) -> tuple[Idea, ...]:
    """Draw at most ``count`` different ideas within the context's scope, by the weights of its failure cues.

    Args:
        context: its failure analysis decides the weights.
        texts: sections named after cues in lower case, and ``general``, each a list of ideas.
        rng: source of all randomness.
        count: most ideas.
        blind: draw from all ideas alike, whatever the failures are.
        freeze: the part that stays as it is; where it is the code, ideas are for instructions.
    """
    places = _places(context, freeze)
    left = {section: [i for i in ideas_of(texts, section) if i.place in places] for section in texts.slots}
    weights = {"general": _GENERAL_WEIGHT}
    if blind:
        weights = {section: float(len(ideas)) for section, ideas in left.items()}
    else:
        weights |= {_section(cue): share for cue, share in diagnose(context).items()}
    drawn: list[Idea] = []
    while len(drawn) < count and (usable := [n for n in left if left[n] and weights.get(n, 0.0) > 0]):
        section = rng.choices(usable, [weights[name] for name in usable])[0]
        idea = left[section].pop(rng.randrange(len(left[section])))
        found = definitions_at(context.program, idea.place)
        drawn.append(Idea(idea.text, idea.place, rng.choice(found) if found else ""))
    return tuple(drawn)


def _places(context: MutationContext, freeze: Freeze | None) -> tuple[Place, ...]:
    """The places within the scope of ``context`` at which the program has something that may change."""
    places: tuple[Place, ...] = _PLACES[context.scope]
    texts: tuple[Place, ...] = tuple(_TEXTS)
    if freeze == "code":
        places = tuple(place for place in places if place in texts) or texts
    elif freeze == "instructions":
        places = tuple(place for place in places if place not in texts)
    return tuple(place for place in places if place in _METHODS or definitions_at(context.program, place))


def ideas_of(texts: Prompt, section: str) -> tuple[Idea, ...]:
    """The ideas of a section, one to a line ``- place: idea``; none where it is missing.

    >>> ideas_of(Prompt("ideas", "# lost\\n- write: keep every line"), "lost")
    (Idea(text='keep every line', place='write', definition=''),)
    """
    if section not in texts.slots:
        return ()
    lines = [line.removeprefix("-").strip() for line in texts.say(section).splitlines()]
    parts = [line.partition(":") for line in lines]
    return tuple(
        Idea(text.strip(), place)
        for name, _, text in parts
        for place in get_args(Place)
        if name.strip() == place and text.strip()
    )


def definitions_at(program: MemoryProgram, place: Place) -> tuple[str, ...]:
    """The definitions of ``program`` that decide what happens at ``place``, as text without indentation.

    ``numbers`` is its table of hyperparameters, KNOBS; ``record``, ``query`` and ``answer`` are the
    instructions of these names; the other places are methods.
    ``write`` are those that ``write`` uses and ``read`` does not; those that return a value are preferred.
    ``output`` are those that ``read`` uses and that join a text; ``rank`` are the others.
    """
    try:
        source = source_of(program.source)
        if place == "numbers":
            knobs = source.definitions.get("KNOBS") if source.knobs else None
            return (source.text_of(knobs, decorated=False),) if knobs else ()
        if place in _TEXTS:
            instruction = source.definitions.get(_TEXTS[place])
            return (source.text_of(instruction, decorated=False),) if instruction else ()
        methods = {name: node for name, node in source.methods.items() if name != "__init__"}
    except UNPARSABLE:
        return ()
    reading, writing = _reached(methods, "read"), _reached(methods, "write")
    joining = {name for name in reading if _joins(methods[name])}
    if place == "write":
        found = writing - reading
        found = {name for name in found if name != "write" and _returns(methods[name])} or found
    elif place == "output":
        found = joining or {"read"} & reading
    else:
        found = reading - writing - joining or reading
    return tuple(source.text_of(node, decorated=False) for name, node in methods.items() if name in found)


def _reached(methods: Mapping[str, ast.FunctionDef], start: str) -> set[str]:
    """``start`` and the methods that it uses, directly or by others."""
    named = {name: [node] for name, node in methods.items()}
    return {node.name for node in reached(named.get(start, ()), named)}


def _joins(node: ast.FunctionDef) -> bool:
    returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
    return any(
        isinstance(part, ast.Attribute) and part.attr == "join"
        for value in returned
        for part in ast.walk(value)
    )


def _returns(node: ast.FunctionDef) -> bool:
    return any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(node))


def _section(cue: Cue) -> str:
    return cue.name.lower()
