"""The reflective mutator: asks a model for a candidate, again if the reply does not work."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evolve.config.sections import Freeze
from evolve.errors import ModelError
from evolve.models.chat import ChatModel, ChatRequest, Reply
from evolve.models.prompts import Prompts
from evolve.mutation.edits import EditName
from evolve.mutation.edits.answer import one_line
from evolve.mutation.freezing import frozen_parts
from evolve.mutation.protocol import (
    Feedback,
    MutationContext,
    Mutator,
    NoCandidate,
    Proposal,
    crossover_share,
)
from evolve.mutation.reflection.cases import TextWidth
from evolve.mutation.reflection.compact import COMPACT_TOKENS, compact_system, opening_of
from evolve.mutation.reflection.context import TEXTS, PromptContext, operator_of, parents_of
from evolve.mutation.reflection.ideas import ideas_for
from evolve.mutation.reflection.prompt import LEAST_TOKENS, RepairContext, system_text, width_of
from evolve.mutation.reflection.requests import Retrying, Sampling, Style, TryKind, messages_of
from evolve.mutation.reflection.sampling import draw
from evolve.mutation.reflection.vetting import CandidateProgram, InvalidEdit, Probe, TryOut, child_of
from evolve.records import Became, Try, Usage
from evolve.sandboxes.protocol import Limits

_REASON_CHARACTERS = 400


class ReflectionMutator(Mutator):
    """Mutator that shows a model the parent and its failures, and makes a program of the reply.

    With a partner in the context, the candidate is a crossover: both are shown, with the strengths of each.

    Args:
        model: the reflector.
        try_out: smoke-runs a candidate that keeps the contract.
        probe: tries a candidate on tasks of its parent's failure analysis after that; None: no such trial.
        edit: the form in which the model is asked to give a candidate.
        repairs: attempts after the first one, where a reply does not become a candidate.
        retrying: decides the kind of such an attempt: a new draw, with another case and scope, or the
            conversation with the error; None: always the conversation.
        style: ``full``, all sections; or ``compact``, see ``compact``.
        sampling: sampling parameters of the replies.
        prompt_tokens: the most estimated tokens of a prompt.
        attribution: show where evidence was lost.
        failures_shown: low-scoring cases shown in full.
        successes_shown: 1 to show a case that went well, 0 for none.
        references_shown: most other programs shown; None for all that the context has.
        ideas_shown: number of suggested changes, drawn by the common failure cues.
        crossover: share of the candidates for which a partner that the context offers is used; None for all.
        freeze: part that no candidate of the campaign may change.
        low: an item that scores below it is a failure.
        limits: resource limits, told to the model.
        about: purpose of the memory in a few sentences, told to the model.
        texts: the prompts.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        try_out: TryOut,
        probe: Probe | None = None,
        edit: EditName = "definitions",
        repairs: int = 3,
        retrying: Retrying | None = None,
        style: Style = "full",
        sampling: Sampling | None = None,
        prompt_tokens: int = 12_000,
        attribution: bool = True,
        failures_shown: int = 2,
        successes_shown: int = 1,
        references_shown: int | None = None,
        ideas_shown: int = 0,
        crossover: float | None = None,
        freeze: Freeze | None = None,
        low: float = 0.5,
        limits: Limits | None = None,
        about: str = "",
        texts: Prompts = TEXTS,
    ) -> None:
        if prompt_tokens < LEAST_TOKENS:
            raise ValueError(
                f"Expected a prompt of {LEAST_TOKENS:,} tokens or more, found {prompt_tokens:,}: the "
                "contract and a program do not fit in less."
            )
        self._model = model
        self._texts = texts
        self._try_out = try_out
        self._probe = probe
        self._retrying = retrying or Retrying("repair", window=1, prefers="repair")
        self._style: Style = style
        self._sampling = sampling or Sampling()
        self._successes_shown = successes_shown
        self._references_shown = references_shown
        self._ideas_shown = ideas_shown
        self._crossover = crossover
        self._edit: EditName = edit
        self._repairs = repairs
        self._prompt_tokens = min(prompt_tokens, COMPACT_TOKENS) if style == "compact" else prompt_tokens
        self._attribution = attribution
        self._failures_shown = failures_shown
        self._freeze: Freeze | None = freeze
        self._low = low
        self._read_characters = (limits or Limits()).read_characters
        if style == "compact":
            self._system = compact_system(limits or Limits(), about, texts["compact"])
        else:
            self._system = system_text(limits or Limits(), about, texts)

    @property
    def identity(self) -> str:
        """The model, the prompts, and all settings that decide what is proposed."""
        settings = (
            self._edit,
            self._repairs,
            self._prompt_tokens,
            self._attribution,
            self._failures_shown,
            self._successes_shown,
            self._freeze,
            self._low,
            self._references_shown,
            self._ideas_shown,
            self._crossover,
            self._retrying.identity,
            self._sampling,
            self._style,
        )
        told = hashlib.sha256(self._system.encode("utf-8", "replace")).hexdigest()[:12]
        return (
            f"reflection/2/{self._texts.digest}/{told}/{'/'.join(map(str, settings))}/{self._model.identity}"
        )

    def observe(self, feedback: Feedback) -> None:
        """See ``Mutator``."""
        self._retrying.tell(feedback.number, feedback.tries)

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return a candidate that passes the contract, the frozen parts and the trials; or the reason why
        there is none.

        Raises:
            ModelError: an outage, or a setup that does not work; nothing is known about the candidate.
            BudgetReached: the spending limit is reached.
            InfrastructureError: the sandbox failed.
        """
        if context.partner is not None and self._crossover is not None:
            crossing = rng.random() < crossover_share(self._crossover, context.stalled)
            context = replace(context, scope="everything") if crossing else replace(context, partner=None)
        context = replace(context, references=context.references[: self._references_shown])
        prompt_context = self._prompt_context(context, rng)
        if prompt_context.frozen.total:
            return NoCandidate(
                operator_of(prompt_context),
                f"with the {self._freeze} frozen, scope {context.scope} leaves nothing to change",
            )
        return self._series(prompt_context, rng)

    def _prompt_context(
        self, context: MutationContext, rng: random.Random, seen: Sequence[str] = ()
    ) -> PromptContext:
        """Draw the material to show; cases that were ``seen`` are passed over where there are others."""
        blind = not (self._attribution or self._failures_shown or self._successes_shown)
        return PromptContext(
            context=context,
            examples=draw(
                context,
                rng,
                failures=self._failures_shown,
                successes=self._successes_shown,
                low=self._low,
                seen=seen,
            ),
            frozen=frozen_parts(context.program, context.scope, self._freeze),
            freeze=self._freeze,
            edit=self._edit,
            read_characters=self._read_characters,
            attribution=self._attribution,
            crossing=context.partner is not None and context.partner_program is not None,
            width=TextWidth(width_of(self._prompt_tokens)),
            texts=self._texts,
            blind=blind,
            ideas=ideas_for(
                context, self._texts["ideas"], rng, self._ideas_shown, blind=blind, freeze=self._freeze
            ),
        )

    def _series(self, prompt_context: PromptContext, rng: random.Random) -> Proposal | NoCandidate:
        """Ask until a candidate works, the attempts are used up, or the same reply comes again."""
        tokens, cut_off = self._prompt_tokens, 0
        repair_context: RepairContext | None = None
        reason, replies, seen = "", set[str](), list[str]()
        tries: list[Try] = []
        usage, context = Usage(), prompt_context.context
        for attempt in range(1 + self._repairs):
            kind = self._kind(repair_context, context.number, rng)
            if attempt and kind == "draw":
                prompt_context = self._another(prompt_context, attempt, rng, seen)
            seen += [item.task for item in prompt_context.examples.failures]
            became: Became = "lost"
            try:
                options = self._sampling.options(attempt, cut_off) | self._stops(context)
                reply = self._ask(prompt_context, tokens, repair_context, kind, attempt, options)
                usage += reply.usage
                child = self._child(reply, prompt_context)
            except ModelError as error:
                if not error.of_this_call:
                    raise
                if error.kind == "too_long":
                    tokens = max(tokens // 2, min(LEAST_TOKENS, self._prompt_tokens))
                cut_off += error.kind == "truncated"
                reason = f"{error.kind}: {error.message}"
                repair_context = RepairContext(error=reason, became="lost", cut_off=error.kind == "truncated")
            except InvalidEdit as invalid:
                reason, became = invalid.reason, invalid.became
                repair_context = RepairContext(
                    error=invalid.told, attempt=invalid.answer, became=became, line=invalid.line
                )
            else:
                tries.append(Try(kind=kind, form=self._edit, became="valid"))
                operator = operator_of(prompt_context, child.program)
                return Proposal(
                    child.program, operator, child.message, parents_of(prompt_context), usage, tuple(tries)
                )
            reason = one_line(reason, _REASON_CHARACTERS)
            tries.append(Try(kind=kind, form=self._edit, became=became, reason=reason))
            if became != "lost":
                text = repair_context.attempt.strip()
                if text in replies:
                    break  # asked again, it would go in a circle
                replies.add(text)
        return NoCandidate(operator_of(prompt_context), reason, usage, tuple(tries))

    def _stops(self, context: MutationContext) -> dict[str, Any]:
        """Return the stop sequence of a short reply: where it stops giving definitions and begins to repeat
        the program.
        """
        opening = opening_of(context.program)
        if self._style == "full" or self._edit != "definitions" or not opening:
            return {}
        return {"stop": [opening]}

    def _kind(self, repair_context: RepairContext | None, number: int, rng: random.Random) -> TryKind:
        """Return the kind of the next attempt: there is no conversation about a reply that did not come."""
        if repair_context is None or (self._style == "compact" and not repair_context.attempt):
            return "draw"
        return self._retrying.choose(number, rng)

    def _another(
        self, prompt_context: PromptContext, attempt: int, rng: random.Random, seen: Sequence[str]
    ) -> PromptContext:
        """Draw new material for the same candidate: other cases, and the next scope."""
        context = prompt_context.context
        if context.scopes and not prompt_context.crossing:
            scope = context.scopes[(attempt - 1) % len(context.scopes)]
            if not frozen_parts(context.program, scope, self._freeze).total:
                context = replace(context, scope=scope)
        return self._prompt_context(context, rng, seen)

    def _child(self, reply: Reply, prompt_context: PromptContext) -> CandidateProgram:
        frozen = prompt_context.frozen
        if self._style == "compact":  # the scope is a hint; the campaign's frozen part is not
            frozen = frozen_parts(prompt_context.context.program, "everything", self._freeze)
        return child_of(
            reply.text,
            prompt_context.context,
            frozen,
            self._edit,
            self._try_out,
            probe=self._probe,
            finished=True,
            texts=self._texts,
        )

    def _ask(
        self,
        prompt_context: PromptContext,
        tokens: int,
        repair_context: RepairContext | None,
        kind: TryKind,
        attempt: int,
        options: dict[str, Any],
    ) -> Reply:
        request = ChatRequest(
            messages=messages_of(self._style, self._system, prompt_context, tokens, repair_context, kind),
            cause="repair" if attempt and kind == "repair" else "reflect",
            options=options,
            # Equal prompts for two children, or in two attempts, are two questions, to a cache too.
            repeat=prompt_context.context.number * (1 + self._repairs) + attempt,
        )
        return self._model.ask(request)
