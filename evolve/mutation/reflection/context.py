"""Content of a reflection prompt, and the files with its texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from evolve.config.sections import Freeze
from evolve.models.prompts import Prompts
from evolve.mutation.edits import EditName
from evolve.mutation.freezing import Frozen
from evolve.mutation.protocol import MutationContext
from evolve.mutation.reflection.cases import TextWidth, case_text
from evolve.mutation.reflection.ideas import Idea
from evolve.mutation.reflection.sampling import Examples
from evolve.program import MemoryProgram
from evolve.records import ItemResult

NAMES = ("contract", "task", "answer", "repair", "compact", "ideas", "hint", "notes", "plateau")


def texts_of(own: Path | None) -> Prompts:
    """Return the prompts, replaced by those of the folder ``own`` where it has them.

    Raises:
        UsageError: the folder is missing, or a file of it does not fit.
    """
    return Prompts(files("evolve.mutation.reflection") / "prompts", NAMES, own)


TEXTS = texts_of(None)


@dataclass(frozen=True)
class PromptContext:
    """Content of a reflection prompt.

    Attributes:
        context: context of the mutation.
        examples: the examples to show.
        frozen: parts that the candidate may not change.
        freeze: the ablation of the campaign, if there is one.
        edit: the form of the answer.
        read_characters: most characters that a read may return.
        attribution: show where the evidence was lost.
        crossing: the candidate has two parents.
        width: of the texts shown.
        blind: nothing is shown of the program's behaviour except for its score.
        ideas: changes to suggest.
        texts: the prompts.
    """

    context: MutationContext
    examples: Examples
    frozen: Frozen
    freeze: Freeze | None
    edit: EditName
    read_characters: int
    attribution: bool
    crossing: bool
    width: TextWidth
    blind: bool = False
    ideas: tuple[Idea, ...] = ()
    texts: Prompts = field(default_factory=lambda: TEXTS)

    @property
    def items(self) -> list[ItemResult]:
        """The diagnosed items that have a score."""
        return [item for item in self.context.diagnosis.items if item.conclusive]

    def case(self, item: ItemResult) -> str:
        """The conversation about an item."""
        context = self.context
        return case_text(
            item, context.tasks[item.task], self.width, stages=self.attribution, episodes=context.episodes
        )


def fenced_source(program: MemoryProgram) -> str:
    """Return the source between fences that are longer than any in it."""
    fence = "```"
    while fence in program.source:
        fence += "`"
    return f"{fence}python\n{program.source.rstrip()}\n{fence}"


def operator_of(prompt_context: PromptContext, child: MemoryProgram | None = None) -> str:
    """Return the operator's name; for a candidate that went beyond its scope, that of the whole program."""
    context = prompt_context.context
    if prompt_context.crossing:
        return "crossover"
    if context.scope == "everything" or (child is not None and prompt_context.frozen.changed(child)):
        return "reflect"
    return f"reflect/{context.scope}"


def parents_of(prompt_context: PromptContext) -> tuple[int, ...]:
    """Return the numbers of the parents shown, the main one first."""
    context = prompt_context.context
    partner = (context.partner.number,) if prompt_context.crossing and context.partner else ()
    return (context.parent.number, *partner)
