"""Structural operators: their changes to a program, and the cues that favour each."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Protocol

from evolve.mutation.knobs import changes, rounded
from evolve.mutation.offline.failure_analysis import Cue
from evolve.mutation.protocol import MutationContext
from evolve.program import MemoryProgram, with_knobs
from evolve.program.cutting import cut, cut_method, steps, without_step
from evolve.program.grafting import Graft, apply, parse_graft
from evolve.program.parsing import tree_of
from evolve.program.pruning import prune
from evolve.program.source import source_of
from evolve.records import Candidate


@dataclass(frozen=True)
class Edit:
    """Result of an operator: the new source, and one sentence on what changed and why."""

    source: str
    message: str


class Operator(Protocol):
    """Rule for changing a program.

    ``cues`` holds the weight that each cue gives it; ``prior`` is its weight without any.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def cues(self) -> Mapping[Cue, float]: ...  # noqa: D102

    @property
    def prior(self) -> float: ...  # noqa: D102

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        """Return the edit of ``source``, or None where the operator does not apply to it.

        Raises:
            SpliceError: it would apply, but there is no place for the edit.
        """
        ...


@dataclass(frozen=True)
class Fragment:
    """Merge a fragment of a program from ``evolve/mutation/fragments``.

    Attributes:
        name: the file's stem.
        cues: cue → weight.
        replacing: methods of the host that the fragment's replace.
        needs: methods that the host must have for the fragment.
        also: fragments that are merged with it, since it seldom helps without them.
    """

    name: str
    cues: Mapping[Cue, float]
    prior: float = 0.02
    replacing: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("_split", "_index", "_fuse", "_pack")
    also: tuple[str, ...] = ()

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        """Merge it, unless the program has it already or has no place for it."""
        methods = source_of(source).methods
        fits = set(self.needs) <= set(methods) and not (self.replacing and "_split" in methods)
        graft = _graft(self.name, self.replacing)
        if not fits or all(methods.get(n) and _same(source, n, graft.methods[n]) for n in graft.methods):
            return None
        what = (ast.get_docstring(tree_of(_fragment(self.name))) or self.name).partition("\n")[0]
        child = apply(source, graft)
        for name in self.also:
            child = apply(child, _graft(name))
        return Edit(prune(child, source), what)


@dataclass(frozen=True)
class Knobs:
    """Move one to three of the program's numbers, by a fifth of their range on average."""

    name: str = "knobs"
    cues: Mapping[Cue, float] = field(default_factory=lambda: {Cue.CROWDED: 0.3, Cue.SLACK: 0.5})
    prior: float = 0.15

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        """Draw new defaults for some hyperparameters; None for a program without hyperparameters."""
        knobs = MemoryProgram(source).parts.knobs
        if not knobs:
            return None
        chosen = rng.sample(sorted(knobs), k=min(len(knobs), rng.choice((1, 1, 2, 3))))
        values: dict[str, float] = {}
        for name in chosen:
            knob = knobs[name]
            moved = knob.default + rng.gauss(0.0, 0.2) * (knob.high - knob.low)
            if knob.integer and round(moved) == knob.default:
                moved = knob.default + (1 if moved >= knob.default else -1)
            values[name] = rounded(knob, moved)
        new = changes(knobs, values)
        if not new:
            return None
        return Edit(with_knobs(source, values), f"Set {new}.")


@dataclass(frozen=True)
class DropStep:
    """Remove a step from ``read``, with all that only it needed: useless steps should not stay."""

    name: str = "drop_step"
    cues: Mapping[Cue, float] = field(default_factory=dict)
    prior: float = 0.04

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        """Drop a step, never the last one that finds passages."""
        names = list(steps(source))
        finding = [name for name in names if name.startswith("_add_")]
        droppable = [name for name in names if name not in finding or len(finding) > 1]
        if not droppable:
            return None
        chosen = rng.choice(droppable)
        return Edit(without_step(source, chosen), f"Do without {chosen.strip('_').replace('_', ' ')}.")


@dataclass(frozen=True)
class Crossover:
    """Take over a step, or the splitting or packing of text, from another candidate."""

    name: str = "crossover"
    cues: Mapping[Cue, float] = field(default_factory=dict)
    prior: float = 0.12
    whole_methods: tuple[str, ...] = ("_split", "_pack")

    def apply(self, source: str, context: MutationContext, rng: random.Random) -> Edit | None:
        """Graft one part of the partner that the program lacks, or has in another form."""
        if context.partner is None or context.partner_program is None:
            return None
        donor = context.partner_program.source
        mine, theirs = source_of(source), source_of(donor)
        if not {"_index", "_fuse"} <= set(mine.methods) & set(theirs.methods):
            return None
        new_steps = [name for name in steps(donor) if name not in mine.methods]
        new_methods = [
            name
            for name in self.whole_methods
            if name in theirs.methods and not _same(source, name, theirs.text_of(theirs.methods[name]))
        ]
        if not new_steps and not new_methods:
            return None
        chosen = rng.choice([*new_steps, *new_methods])
        graft = cut(donor, chosen) if chosen in new_steps else cut_method(donor, chosen)
        what = chosen.strip("_").replace("_", " ")
        message = f"Take “{what}” from candidate #{context.partner.number}."
        return Edit(prune(apply(source, graft), source), message)


@cache
def operators() -> tuple[Operator, ...]:
    """Every operator, in a fixed order."""
    c = Cue
    return (
        Fragment("split_by_turn", {c.CROWDED: 0.7}, also=("pack_by_episode",)),
        Fragment("split_by_exchange", {c.CROWDED: 0.5, c.ADJACENT: 0.5}, also=("pack_by_episode",)),
        Fragment("pack_by_episode", {c.REPEATED: 1.5, c.CROWDED: 0.4, c.UNUSED: 0.5}),
        Fragment("add_words", {c.WORDS: 1.0}),
        Fragment("add_vectors", {c.PARAPHRASE: 0.7}),
        Fragment("add_word_stems", {c.PARAPHRASE: 0.6, c.WORDS: 0.3}),
        Fragment("add_context", {c.ADJACENT: 1.0, c.PARAPHRASE: 0.8}),
        Fragment("add_episodes", {c.SAME_EPISODE: 1.0}),
        Fragment("spread_to_neighbours", {c.ADJACENT: 1.5}),
        Fragment("favour_speaker", {c.SPEAKER: 1.0}),
        Fragment("favour_people", {c.SPEAKER: 0.3}),
        Fragment("favour_answer_kind", {c.KIND: 1.0}),
        Fragment("set_common_words_aside", {c.WORDS: 0.5, c.CROWDED: 0.3}),
        Fragment("favour_heading", {c.HEADING: 1.0}),
        Fragment("favour_recent", {c.REVISED: 1.0}),
        Fragment("demote_questions", {c.QUESTIONS: 1.0}),
        Fragment("prefer_short", {c.CROWDED: 0.2}),
        Fragment("cap_per_episode", {c.SEVERAL: 0.5}),
        Fragment("feed_back", {c.PARAPHRASE: 0.3}),
        Fragment("trim_weak", {c.WASTEFUL: 0.3}),
        Fragment(
            "keep_passages",
            {c.LOST: 2.0, c.CROWDED: 1.0, c.SLACK: 1.0},
            replacing=("write", "read"),
            needs=(),
            also=("split_by_turn", "add_words", "pack_by_episode"),
        ),
        Knobs(),
        DropStep(),
        Crossover(),
    )


def _same(source: str, method: str, text: str) -> bool:
    """Return whether the program's method is the same as ``text``, layout aside."""
    host = source_of(source)
    mine = host.methods.get(method)
    return mine is not None and ast.dump(tree_of(host.text_of(mine))) == ast.dump(tree_of(text))


@cache
def _fragment(name: str) -> str:
    return (resources.files("evolve.mutation") / "fragments" / f"{name}.py").read_text(encoding="utf-8")


@cache
def _graft(name: str, replacing: tuple[str, ...] = ()) -> Graft:
    return parse_graft(_fragment(name), replacing=replacing)


def weights(cues: Mapping[Cue, float] | None, candidates: Sequence[Operator]) -> list[float]:
    """Return the weight of each operator: its prior plus its cues; all equal without a diagnosis."""
    if cues is None:
        return [1.0] * len(candidates)
    return [op.prior + sum(w * cues.get(cue, 0.0) for cue, w in op.cues.items()) for op in candidates]


def less_of_the_tried(
    available: Sequence[Operator], chances: Sequence[float], siblings: Sequence[Candidate]
) -> list[float]:
    """Return ``chances`` less of what the parent's offspring were made by: they did not replace it as the
    parent.

    The chance of an operator that always makes the same edit is halved for each of them; one that draws its
    edit keeps four fifths. An operator that was one of several counts for a share.

    Example:
        >>> tried = Candidate(number=1, program="a", parents=(0,), operator="feed_back", objectives={})
        >>> some = [Fragment("feed_back", {}), Knobs()]
        >>> less_of_the_tried(some, [1.0, 1.0], [tried, tried])
        [0.25, 1.0]
    """
    tried: dict[str, float] = defaultdict(float)
    for sibling in siblings:
        names = sibling.operator.split("+")
        for name in names:
            tried[name] += 1 / len(names)
    return [
        chance * (0.5 if isinstance(operator, Fragment) else 0.8) ** tried[operator.name]
        for operator, chance in zip(available, chances, strict=True)
    ]
