"""Trials and submissions of an agent: static checks, a few tasks of the minibatch, then the usual vetting."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from evolve.mutation.agentic.calls import AgentCall
from evolve.mutation.agentic.transcript import Carried
from evolve.mutation.agentic.wording import Wording
from evolve.mutation.freezing import Frozen
from evolve.mutation.protocol import MutationContext
from evolve.mutation.reflection.cases import TextWidth, failure_text
from evolve.mutation.reflection.vetting import CandidateProgram, InvalidEdit, Probe, TryOut, child_of
from evolve.program import MemoryProgram
from evolve.records import Evaluation, ItemResult, Usage

Evaluate = Callable[[MemoryProgram, MutationContext, int], Evaluation | None]
"""Function that evaluates a program on at most so many tasks of the minibatch; None where there are none."""
_RETURNED = 240


@dataclass(frozen=True)
class Tryer:
    """Checks, trials and submissions for one candidate.

    Attributes:
        context: context of the mutation.
        frozen: parts that may not change.
        try_out: smoke-runs a submission.
        probe: compares a submission with its parent; None for no such trial.
        evaluate: evaluates a trial, in the usual sandbox.
        tasks: most tasks of a trial.
        wording: texts for the model.
    """

    context: MutationContext
    frozen: Frozen
    try_out: TryOut
    probe: Probe | None
    evaluate: Evaluate
    tasks: int
    wording: Wording

    def tried(self, call: AgentCall) -> Carried:
        """Check a change and evaluate it on a few tasks.

        Raises:
            InfrastructureError: it could not be tried.
            BudgetReached: the spending limit is reached.
        """
        try:
            child = self._child(call, _untried, None)
        except InvalidEdit as invalid:
            return self._refused(call, invalid)
        evaluation = self.evaluate(child.program, self.context, self.tasks)
        if evaluation is None:
            text = "It passes the checks. There is no task to try it on."
            return Carried(call=call.title, text=text, became="valid", program=child.program.source)
        return Carried(
            call=call.title,
            text=self._report(evaluation),
            usage=usage_of(evaluation),
            became="failed" if evaluation.failure else "valid",
            program="" if evaluation.failure else child.program.source,
        )

    def submitted(self, call: AgentCall) -> Carried:
        """Vet a change as the candidate; its message is set if it is one.

        Raises:
            InfrastructureError: it could not be tried.
        """
        if not call.text.strip():
            error = "there is no code, and no program was tried before"
            return Carried(call=call.title, text=self.wording.bad(error, "submit"), became="unreadable")
        try:
            child = self._child(call, self.try_out, self.probe)
        except InvalidEdit as invalid:
            return self._refused(call, invalid)
        return Carried(
            call=call.title,
            text="Taken as the candidate.",
            became="valid",
            program=child.program.source,
            message=child.message or "A change by the agent",
        )

    def _child(self, call: AgentCall, try_out: TryOut, probe: Probe | None) -> CandidateProgram:
        ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`{3,}", call.text)), default=0))
        message = f"MESSAGE: {call.message}\n\n" if call.message else ""
        answer = f"{message}{ticks}python\n{call.text}\n{ticks}"
        return child_of(answer, self.context, self.frozen, "definitions", try_out, probe=probe, finished=True)

    def _refused(self, call: AgentCall, invalid: InvalidEdit) -> Carried:
        return Carried(call=call.title, text=self.wording.refused(invalid.told), became=invalid.became)

    def _report(self, evaluation: Evaluation) -> str:
        if evaluation.failure:
            return self.wording.refused(failure_text(evaluation.failure, TextWidth(0.5)))
        before = self.context.diagnosis.item_scores
        scored = [item for item in evaluation.items if item.conclusive]
        shared = [item for item in scored if item.task in before]
        if not shared:
            return f"It ran, and no task has a score to compare with. {evaluation.reason}".strip()
        mean = sum(item.score for item in shared) / len(shared)
        old = sum(before[item.task] for item in shared) / len(shared)
        return self.wording.tried(len(shared), mean, old, [_line(item, before[item.task]) for item in shared])


def _untried(program: MemoryProgram) -> None:
    """Leave a program untried: it is evaluated next."""


def _line(item: ItemResult, before: float) -> str:
    if item.failure:
        said = f"failed: {item.failure.message}"
    else:
        said = f"read returned: {' '.join(item.retrieved.split()) or 'nothing'}"
    return f"- {item.task}: {before:.2f} -> {item.score:.2f}; {said[:_RETURNED]}"


def usage_of(evaluation: Evaluation) -> Usage:
    """Return the model work of an evaluation, ingestion included, in its unit of cost."""
    amount = evaluation.cost * len(evaluation.items)
    if evaluation.cost_unit == "usd":
        tokens = sum(item.usage.tokens for item in evaluation.items)
        return Usage(tokens_in=tokens, usd=amount)
    return Usage(tokens_in=round(amount))
