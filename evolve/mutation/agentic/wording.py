"""Texts that an agent is sent, from its prompt file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from evolve.config.sections import Freeze
from evolve.models.prompts import Prompts
from evolve.mutation.agentic.calls import CallName, example_of_call, examples_of
from evolve.mutation.agentic.toolbox import overview
from evolve.mutation.agentic.workspace import Workspace
from evolve.mutation.protocol import MutationContext
from evolve.mutation.reflection.fitting import cut
from evolve.records import Evaluation


def agent_texts(own: Path | None = None) -> Prompts:
    """Return the prompt file of agents, replaced by that of the folder ``own`` where it has one."""
    return Prompts(files("evolve.mutation.agentic") / "prompts", ("agent",), own)


AGENT_TEXTS = agent_texts()


@dataclass(frozen=True)
class Wording:
    """Texts for one agent.

    Attributes:
        texts: the prompt file.
        names: tools that are offered.
        steps: most turns.
    """

    texts: Prompts
    names: tuple[CallName, ...]
    steps: int

    @property
    def role(self) -> str:
        """End of the system message."""
        return self._say("role", steps=str(self.steps))

    @property
    def fenced(self) -> str:
        """Description of the fenced form, with an example of each tool."""
        return self._say("fenced", tools=examples_of(self.names))

    @property
    def more(self) -> str:
        """Note that further calls were not carried out."""
        return self._say("more")

    def opening(
        self, context: MutationContext, workspace: Workspace, *, freeze: Freeze | None, characters: int
    ) -> str:
        """Return the first user message; the program is cut to ``characters``."""
        parent = context.parent.number
        scope = self._say(f"freeze_{freeze}") if freeze else self._say(f"scope_{context.scope}")
        if context.hints:
            hints = "\n".join(f"- {hint}" for hint in context.hints)
            scope = f"{scope}\n\n{self._say('hints', hints=hints)}"
        path = f"traces/{parent}-minibatch.md"
        first = self._say("first", path=path) if path in workspace.files else ""
        return self._say(
            "opening",
            number=str(context.number),
            parent=str(parent),
            score=_score(context.diagnosis),
            scope=scope,
            program=cut(context.program.source.strip("\n"), characters),
            files=overview(workspace),
            first=first,
        ).strip()

    def bad(self, error: str, text: str = "") -> str:
        """Return the answer to a reply without a call that can be carried out."""
        word = next((name for name in self.names if name in text.lower()), "read")
        expected = self._say("example", example=example_of_call(word))
        return self._say("bad", error=error, expected=expected)

    def late(self, left: int) -> str:
        """Return the reminder that few turns are left."""
        turns = "1 turn is left" if left == 1 else f"{left} turns are left"
        return self._say("late", left=turns)

    def refused(self, error: str) -> str:
        """Return the answer to a program that was not taken."""
        return self._say("refused", error=error)

    def tried(self, count: int, mean: float, before: float, items: Sequence[str]) -> str:
        """Return the result of a trial."""
        return self._say(
            "tried",
            count=str(count),
            mean=f"{mean:.3f}",
            before=f"{before:.3f}",
            items="\n".join(items),
        )

    def _say(self, section: str, **slots: str) -> str:
        return self.texts["agent"].say(section, **slots)


def _score(evaluation: Evaluation) -> str:
    scores = list(evaluation.item_scores.values())
    return f"{sum(scores) / len(scores):.3f}" if scores else "not known"
