"""GEPA adapter: scores, reflective data, new texts, and when to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gepa.core.adapter import EvaluationBatch, ProposalFn
from gepa.strategies.instruction_proposal import InstructionProposalSignature

from evolve.campaign.candidate_worker import outage_of
from evolve.campaign.gepa.reflective_dataset import scores_of, texts_to_learn_from
from evolve.campaign.optimizer import OptimizerContext
from evolve.errors import EvolveError, ModelError
from evolve.evaluation import Subset
from evolve.models.calls import charged_to
from evolve.models.chat import ChatRequest, Message
from evolve.mutation import Proposal
from evolve.program import MemoryProgram, with_instructions
from evolve.program.parts import ALWAYS_ON
from evolve.records import Evaluation, Task, Usage

if TYPE_CHECKING:
    from gepa.core.state import GEPAState

OPERATOR = "gepa"
Texts = dict[str, str]
"""Candidate of GEPA: name of a constant → its text."""
Dataset = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name of a constant → records to learn from."""
Batch = EvaluationBatch[tuple[Evaluation, Subset], str]
_EMPTY = "(empty)"
"""Placeholder for an empty ``ALWAYS_ON_KNOWLEDGE``, which a model cannot be shown."""


def constants_of(program: MemoryProgram) -> Texts:
    """The instruction constants of ``program``, as GEPA's candidate."""
    return {**program.parts.instructions, ALWAYS_ON: program.parts.always_on or _EMPTY}


@dataclass
class _Iteration:
    """State of one iteration of GEPA.

    Attributes:
        made: the candidate and its parent; None if there is none (yet).
        static: its scores on the fitness set, on which it is evaluated if it won on its minibatch.
        why: reason why there is no candidate, or its outcome.
        usage: tokens and USD of its models.
    """

    made: Proposal | None = None
    static: Evaluation | None = None
    why: str = "its parent has a perfect score on the tasks that were drawn"
    usage: Usage = field(default_factory=Usage)


class Adapter:
    """GEPA's adapter and its stopper in one. For use from one thread.

    GEPA continues after errors of a reflection. So none is raised to it there: an error that must end the
    search is kept in ``stopped``, and GEPA is told to stop.

    Args:
        context: context of a campaign with one initial program, the constants of which change, and one
            reflector.

    Attributes:
        number: number of GEPA's current iteration, from 1 on.
        stopped: reason why GEPA was stopped early; None if it was not.
    """

    def __init__(self, context: OptimizerContext) -> None:
        self.propose_new_texts: ProposalFn | None = None  # ``propose`` is passed to GEPA separately
        self.number = 1
        self.stopped: EvolveError | None = None
        self._context = context
        self._recorder = context.recorder
        self._seed = context.programs[0]
        self._numbers = {self._seed.id: 0}
        self._iteration = _Iteration()

    def __call__(self, gepa_state: GEPAState) -> bool:
        """Return whether to stop. GEPA calls this before each iteration, when the last one can be
        recorded.
        """
        if self.stopped is not None:
            return True
        if gepa_state.i + 1 == self.number:  # GEPA counts from 0, and begins at -1
            self._settle()
            self.number += 1
        return self._is_over()

    def evaluate(self, batch: list[Task], candidate: Texts, capture_traces: bool = False) -> Batch:
        """The scores of the program with the texts of ``candidate``, on a minibatch or the fitness set.

        Raises:
            InfrastructureError: there are no scores, through no fault of the program.
            BudgetReached: the spending limit is reached.
        """
        program, subsets = self._program(candidate), self._context.setup.subsets
        static = subsets.static
        whole = [task.id for task in batch] == [task.id for task in static.tasks]
        subset = static if whole else subsets.among(f"batch-{self.number}", batch)
        number = self._numbers.get(program.id, self.number)
        found = self._recorder.stored(program, subset)
        if found is None:
            with charged_to(number):
                found = self._context.setup.evaluator.evaluate(program, subset)
            if found.status == "inconclusive" and (whole or not found.items):
                raise outage_of(number, found)
            self._recorder.keep(number, found)
        if whole and program.id not in self._numbers:
            self._numbers[program.id] = number
            self._iteration.static = found
        seen = [(found, subset)] * len(batch) if capture_traces else None
        return Batch(outputs=[program.id] * len(batch), scores=scores_of(found, batch), trajectories=seen)

    def make_reflective_dataset(
        self, candidate: Texts, eval_batch: Batch, components_to_update: list[str]
    ) -> Dataset:
        """Return records to learn from for each constant that is to change."""
        assert eval_batch.trajectories
        evaluation, subset = eval_batch.trajectories[0]
        return texts_to_learn_from(evaluation, subset, components_to_update)

    def propose(
        self,
        candidate: Texts,
        reflective_dataset: Dataset,
        components_to_update: list[str],
    ) -> Texts:
        """Return new texts of constants; empty where there are none, or where the search has to stop."""
        try:
            with charged_to(self.number):
                return self._proposed(candidate, reflective_dataset, components_to_update)
        except EvolveError as error:
            self.stopped = error
            return {}

    def _proposed(self, candidate: Texts, dataset: Dataset, names: Sequence[str]) -> Texts:
        """Propose like ``propose``; with the texts that an earlier process was given, if it got that far."""
        known = self._recorder.proposed(self.number)
        if known is not None:
            texts = {name: constants_of(known)[name] for name in names}
        elif self._recorder.history.is_settled(self.number):
            return {}
        else:
            texts = self._asked(candidate, dataset, names)
        parent, child = self._program(candidate), self._program({**candidate, **texts})
        if child.id == parent.id:
            return {}
        self._iteration.why = "no better than its parent on the tasks that were drawn"
        self._iteration.made = Proposal(
            program=child,
            operator=OPERATOR,
            message=f"Rewrote {', '.join(names)}",
            parents=(self._numbers[parent.id],),
            usage=self._iteration.usage,
        )
        if known is None:
            self._recorder.propose(self.number, self._iteration.made)
        return texts

    def _asked(self, candidate: Texts, dataset: Dataset, names: Sequence[str]) -> Texts:
        """Return the model's texts, requested with GEPA's prompt; empty where it gave nothing usable."""
        texts: Texts = {}
        self._iteration.why = "the model gave the same text again"
        try:
            for name in names:
                asked = {
                    "current_instruction_doc": candidate[name],
                    "dataset_with_feedback": dataset[name],
                    "prompt_template": None,
                }
                texts[name] = InstructionProposalSignature.run(self._ask, asked)["new_instruction"]
        except ModelError as error:
            if not error.of_this_call:
                raise
            self._iteration.why = f"the model gave no text: {error.message}"
            return {}
        return texts

    def _ask(self, prompt: str | list[dict[str, Any]]) -> str:
        message = Message(role="user", content=str(prompt))
        request = ChatRequest(messages=(message,), cause="reflect")
        reply = self._context.setup.model_set.reflectors[0].ask(request)
        self._iteration.usage += reply.usage
        return reply.text

    def _program(self, candidate: Texts) -> MemoryProgram:
        texts = {name: "" if text.strip() == _EMPTY else text for name, text in candidate.items()}
        return MemoryProgram(with_instructions(self._seed.source, texts))

    def _settle(self) -> None:
        """Record the result of the iteration, unless that was done."""
        iteration, self._iteration = self._iteration, _Iteration()
        if not self._recorder.history.is_settled(self.number):
            if iteration.made is not None and iteration.static is not None:
                made = iteration.made
                self._recorder.join(
                    iteration.static,
                    number=self.number,
                    parents=made.parents,
                    operator=made.operator,
                    message=made.message,
                )
            else:
                usd = None if iteration.usage.unpriced else iteration.usage.usd
                self._recorder.discard(self.number, OPERATOR, iteration.why, usd)
        request = self._context.population.ask()
        assert request.number == self.number
        self._context.settle(request)  # GEPA decided on the parent

    def _is_over(self) -> bool:
        """Return whether no further iteration may begin; requests of users are read first."""
        context, history, steering = self._context, self._context.history, self._context.steering
        while self.number < context.end(history.next_number) and not steering.over:
            if not steering.paused:
                return False
            steering.wait()
        return True
