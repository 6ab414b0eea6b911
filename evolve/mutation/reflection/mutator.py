"""The mutator: ask a model for a child, and have it mend what does not work."""

from __future__ import annotations

import hashlib
import random

from evolve.errors import ModelError
from evolve.models.chat import ChatModel, ChatRequest, Reply
from evolve.mutation.edits import EditName
from evolve.mutation.edits.answer import one_line
from evolve.mutation.freezing import Part, frozen_parts
from evolve.mutation.protocol import Brief, Proposal, Refusal
from evolve.mutation.reflection.cases import Width
from evolve.mutation.reflection.prompt import LEAST_TOKENS, Setback, conversation, system_text, width_of
from evolve.mutation.reflection.sampling import draw
from evolve.mutation.reflection.sections import Material
from evolve.mutation.reflection.texts import TEXTS
from evolve.mutation.reflection.vetting import TryOut, Unfit, child_of
from evolve.records import Usage
from evolve.sandboxes.protocol import Limits

_REASON_CHARACTERS = 400


class ReflectionMutator:
    """Shows a model the parent and its failures, and makes a program of what it answers.

    With a partner in the brief, the child is a crossover: both are shown, with what each is better at.

    Args:
        model: the reflector.
        try_out: smoke-runs a child that keeps the contract.
        edit: the form in which the model gives a child.
        repairs: rounds in which it may mend an answer that did not work.
        prompt_tokens: the most that a round may show, in estimated tokens.
        attribution: show where evidence was lost.
        failures_shown: low-scoring cases shown in full.
        freeze: what no child of the campaign may change.
        low: an item that scores below it is a failure.
        limits: told to the model.
        about: what the memory is for, in a few sentences; told to the model.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        try_out: TryOut,
        edit: EditName = "blocks",
        repairs: int = 3,
        prompt_tokens: int = 60_000,
        attribution: bool = True,
        failures_shown: int = 2,
        freeze: Part | None = None,
        low: float = 0.5,
        limits: Limits | None = None,
        about: str = "",
    ) -> None:
        if prompt_tokens < LEAST_TOKENS:
            raise ValueError(
                f"Expected a prompt of {LEAST_TOKENS:,} tokens or more, found {prompt_tokens:,}: the "
                "contract and a program do not fit in less."
            )
        self._model = model
        self._try_out = try_out
        self._edit: EditName = edit
        self._repairs = repairs
        self._prompt_tokens = prompt_tokens
        self._attribution = attribution
        self._failures_shown = failures_shown
        self._freeze: Part | None = freeze
        self._low = low
        self._read_characters = (limits or Limits()).read_characters
        self._system = system_text(limits or Limits(), about)

    @property
    def identity(self) -> str:
        """The model, the prompts, and all settings that decide what is proposed."""
        settings = (
            self._edit,
            self._repairs,
            self._prompt_tokens,
            self._attribution,
            self._failures_shown,
            self._freeze,
            self._low,
        )
        told = hashlib.sha256(self._system.encode("utf-8", "replace")).hexdigest()[:12]
        return f"reflection/1/{TEXTS.digest}/{told}/{'/'.join(map(str, settings))}/{self._model.identity}"

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """A child that keeps the contract, what is frozen, and the smoke run; or why there is none.

        Raises:
            ModelError: an outage, or a setup that does not work; nothing is known about the child.
            BudgetReached: no more may be spent.
            InfrastructureError: the sandbox failed.
        """
        crossing = brief.partner is not None and brief.partner_program is not None
        operator = _operator(brief, crossing=crossing)
        frozen = frozen_parts(brief.program, brief.scope, self._freeze)
        if frozen.total:
            return Refusal(
                operator, f"with the {self._freeze} frozen, scope {brief.scope} leaves nothing to change"
            )
        material = Material(
            brief=brief,
            drawn=draw(brief, rng, failures=self._failures_shown, low=self._low),
            frozen=frozen,
            freeze=self._freeze,
            edit=self._edit,
            read_characters=self._read_characters,
            attribution=self._attribution,
            crossing=crossing,
            width=Width(width_of(self._prompt_tokens)),
        )
        return self._converse(material, operator)

    def _converse(self, material: Material, operator: str) -> Proposal | Refusal:
        """Ask until a child works, or the rounds are used up."""
        brief, tokens = material.brief, self._prompt_tokens
        setback: Setback | None = None
        reason, repeated, usage = "", False, Usage()
        for attempt in range(1 + self._repairs):
            try:
                reply = self._ask(material, tokens, setback, attempt)
                usage += reply.usage
                child = child_of(reply.text, brief, material.frozen, self._edit, self._try_out)
            except ModelError as error:
                if not error.of_this_call:
                    raise
                if error.kind == "too_long":
                    tokens = max(tokens // 2, LEAST_TOKENS)
                reason = f"{error.kind}: {error.message}"
                setback = Setback(error=reason)
            except Unfit as unfit:
                reason = unfit.reason
                if unfit.duplicate and repeated:
                    break  # told once; asked again, it would go in a circle
                repeated = repeated or unfit.duplicate
                setback = Setback(error=unfit.told, attempt=unfit.answer)
            else:
                return Proposal(child.program, operator, child.message, _parents(material), usage)
        return Refusal(operator, one_line(reason, _REASON_CHARACTERS), usage)

    def _ask(self, material: Material, tokens: int, setback: Setback | None, attempt: int) -> Reply:
        request = ChatRequest(
            messages=conversation(self._system, material, tokens, setback),
            cause="repair" if setback else "reflect",
            # Equal prompts for two children, or in two attempts, are two questions, to a cache too.
            repeat=material.brief.number * (1 + self._repairs) + attempt,
        )
        return self._model.run([self._model.ask(request)])[0]


def _operator(brief: Brief, *, crossing: bool) -> str:
    if crossing:
        return "crossover"
    return "reflect" if brief.scope == "everything" else f"reflect/{brief.scope}"


def _parents(material: Material) -> tuple[int, ...]:
    brief = material.brief
    partner = (brief.partner.number,) if material.crossing and brief.partner else ()
    return (brief.parent.number, *partner)
