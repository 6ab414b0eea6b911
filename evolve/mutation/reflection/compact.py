"""The compact prompt: the needs of a small or slow model for one change, in at most 2,500 tokens.

The parts that stay the same between two draws for one parent come first, so that a server with a prefix cache
reads only about a third of the prompt again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from evolve.models.chat import Message
from evolve.models.prompts import Prompt
from evolve.models.tokens import CHARACTERS_PER_TOKEN
from evolve.mutation.offline.failure_analysis import Cue, diagnose
from evolve.mutation.reflection.cases import MEANING, indented
from evolve.mutation.reflection.context import PromptContext, fenced_source
from evolve.mutation.reflection.example import slots_of
from evolve.mutation.reflection.fitting import cut
from evolve.mutation.reflection.ideas import Place
from evolve.program import MemoryProgram
from evolve.program.compose import without_docstring
from evolve.records import ItemResult, Task
from evolve.sandboxes.protocol import Limits
from evolve.scoring import contains_passage

COMPACT_TOKENS = 2_500
_ABOUT, _QUESTION, _RETURNED, _PASSAGE, _PASSAGES, _FAILURE = 200, 400, 700, 300, 3, 500
_HINT, _NOTES = 600, 500
_CUES, _LEAST_SHARE = 2, 0.1
_PROGRAM_SHARE = 0.6
_IMPORTS = ("import ", "from ")
_FOCUS: Mapping[Place, tuple[str, str]] = MappingProxyType(
    {
        "numbers": ("numbers", "numbers"),
        "record": ("record", "text"),
        "query": ("asking", "text"),
        "answer": ("answering", "text"),
    }
)
"""Place of an idea → section of the prompt that shows its definition, and the slot for it."""


def compact_system(limits: Limits, about: str, texts: Prompt) -> str:
    """The contract in a few lines."""
    return texts.say(
        "system",
        about=cut(" ".join(about.split()), _ABOUT),
        read_characters=f"{limits.read_characters:,}",
        model_calls=f"{limits.model_calls:,}",
    )


def compact_conversation(
    system: str, prompt_context: PromptContext, tokens: int, notes: tuple[str, ...] = ()
) -> tuple[Message, ...]:
    """The messages of a draw, of at most ``tokens`` tokens as they are estimated.

    Args:
        notes: sentences about earlier draws, which come last.
    """
    texts = prompt_context.texts["compact"]
    left = tokens * CHARACTERS_PER_TOKEN - len(system)
    program = texts.say(
        "program", program=_fitted(prompt_context.context.program, int(left * _PROGRAM_SHARE))
    )
    ends = [*_scope(prompt_context, texts), *_hints(prompt_context), *_form(prompt_context, texts), *notes]
    fixed = len(program) + sum(len(part) + 2 for part in ends)
    room = max(left - fixed - 8, 0)
    middle = ""
    parts = (*_known(prompt_context, texts), *_cases(prompt_context, texts), *_notes(prompt_context))
    for part in parts:
        if len(middle) + len(part) + 2 <= room:
            middle += f"{part}\n\n"
        elif room - len(middle) > _QUESTION:
            middle += f"{cut(part, room - len(middle) - 2)}\n\n"
    shown = f"{program}\n\n{middle}" + "\n\n".join(ends)
    return (
        {"role": "system", "content": _sendable(system)},
        {"role": "user", "content": _sendable(shown[: max(left, 0)])},
    )


def _known(m: PromptContext, texts: Prompt) -> Iterator[str]:
    """Yield the sections that do not change between two draws for the same parent."""
    context = m.context
    score = _score(m)
    if score:
        yield texts.say("score", score=score)
    if m.crossing and context.partner_program:
        yield texts.say("crossover", program=_fitted(context.partner_program, _PROGRAM_SHARE * 4_000))
    if m.attribution and (cues := _common_cues(m)):
        yield texts.say("diagnosis", cues="; ".join(cues))
    failure = context.diagnosis.failure
    if failure and not m.blind:
        said = f"{failure.kind} in {failure.where}: {failure.message}"
        yield texts.say("broken", failure=cut(said, _FAILURE))


def _score(m: PromptContext) -> str:
    quality = m.context.parent.objectives.get("quality")
    return "" if quality is None else f"{quality:.3f}"


def _common_cues(m: PromptContext) -> list[str]:
    shares = {cue: share for cue, share in diagnose(m.context).items() if cue is not Cue.WASTEFUL}
    ordered = sorted(shares, key=lambda cue: -shares[cue])[:_CUES]
    return [f"{cue} ({shares[cue]:.0%} of all questions)" for cue in ordered if shares[cue] >= _LEAST_SHARE]


def _cases(m: PromptContext, texts: Prompt) -> Iterator[str]:
    for item in m.examples.failures:
        yield "\n\n".join(_case(item, m.context.tasks[item.task], m, texts))
    if m.examples.success is not None:
        question = m.context.tasks[m.examples.success.task].question
        yield texts.say("success", question=cut(question, _QUESTION))
    for reference in m.context.references:
        quality = reference.candidate.objectives.get("quality", 0.0)
        yield texts.say(
            "reference",
            score=f"{quality:.3f}",
            why=cut(reference.why, 100),
            program=_fitted(reference.program, 4_000),
        )


def _case(item: ItemResult, task: Task, m: PromptContext, texts: Prompt) -> Iterator[str]:
    yield texts.say("case", question=cut(task.question, _QUESTION))
    asked = item.query.get("question", "") if len(item.query) == 1 else item.query
    if asked and str(asked).strip() != task.question.strip():
        yield texts.say("asked", query=cut(str(asked), _QUESTION))
    if item.failure:
        said = f"{item.failure.kind} in {item.failure.where}: {item.failure.message}"
        yield texts.say("broken", failure=cut(said, _FAILURE))
    elif item.retrieved.strip():
        characters = f"{len(item.retrieved):,} of at most {m.read_characters:,}"
        yield texts.say("returned", characters=characters, returned=indented(item.retrieved[:_RETURNED]))
    else:
        yield texts.say("nothing")
    missing = [e.text for e in task.evidence if not contains_passage(item.all_retrieved, e.text)]
    if missing:
        listed = "\n".join(indented(cut(text, _PASSAGE)) for text in missing[:_PASSAGES])
        yield texts.say("missing", missing=listed)
    elif item.answer and task.answers:
        yield texts.say("answered", answer=cut(item.answer, _PASSAGE), right=cut(task.answers[0], _PASSAGE))
    if m.attribution and item.stage:
        yield texts.say("lost", where=f"Where it was lost: {MEANING[item.stage]}.")


def _scope(m: PromptContext, texts: Prompt) -> Iterator[str]:
    yield texts.say(m.context.scope)
    if m.freeze:
        yield texts.say(f"freeze_{m.freeze}")


def _hints(m: PromptContext) -> Iterator[str]:
    if m.context.stalled:
        yield m.texts["plateau"].say("plateau", stalled=str(m.context.stalled))
    for hint in m.context.hints:
        yield m.texts["hint"].say("hint", hint=cut(hint, _HINT))


def _notes(m: PromptContext) -> Iterator[str]:
    """Yield the notes, those of this campaign first, for the room that is left by the case."""
    for notes in () if m.blind else reversed(m.context.notes):
        text = cut(notes.text, _NOTES)
        section = "other" if notes.source else "own"
        yield m.texts["notes"].say(section, notes=text, **({"source": notes.source} if notes.source else {}))


def _form(m: PromptContext, texts: Prompt) -> Iterator[str]:
    """The ideas, and the form of the answer with a real method of the program as its example.

    A small model repeats what comes last: so that is the definition to be changed, where one is known.
    """
    definition = m.ideas[0].definition if m.ideas else ""
    focus = m.edit == "definitions" and bool(definition)
    for idea in m.ideas[focus:]:
        yield texts.say("idea", idea=idea.text)
    if focus:
        section, slot = _FOCUS.get(m.ideas[0].place, ("focus", "method"))
        yield texts.say(section, idea=m.ideas[0].text, **{slot: definition})
    else:
        yield texts.say(m.edit, **slots_of(m.edit, m.context.program, m.freeze))


def _fitted(program: MemoryProgram, characters: float) -> str:
    """The program between fences, without its module docstring; cut in its middle if it is too long."""
    bare = MemoryProgram(without_docstring(program.source))
    if len(bare.source) <= characters:
        return fenced_source(bare)
    return fenced_source(MemoryProgram(cut(bare.source, int(characters))))


def opening_of(program: MemoryProgram) -> str:
    """Return the beginning of ``program`` as it is shown: its imports and the first two words after them.

    An answer that holds it repeats the program, which a short reply has no room for.

    >>> opening_of(MemoryProgram("import re\\n\\nINSTRUCTION_QUERY = 'Ask.'\\n"))
    'import re\\n\\nINSTRUCTION_QUERY ='
    """
    lines = without_docstring(program.source).split("\n")
    after = next((n for n, line in enumerate(lines) if line and not line.startswith(_IMPORTS)), 0)
    if not after:
        return ""
    return "\n".join([*lines[:after], " ".join(lines[after].split(" ")[:2])])


def _sendable(text: str) -> str:
    """``text`` without lone surrogates, which no request can carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
