"""The reflective mutator: asks a model for a candidate, again if the reply does not work."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evolve.errors import ModelError
from evolve.models.chat import ChatModel, ChatRequest, Message, Reply
from evolve.models.prompts import Prompts
from evolve.mutation.edits import EditName
from evolve.mutation.edits.answer import one_line
from evolve.mutation.freezing import Part, frozen_parts
from evolve.mutation.protocol import Brief, Feedback, Mutator, Proposal, Refusal
from evolve.mutation.reflection.cases import Width
from evolve.mutation.reflection.compact import (
    COMPACT_TOKENS,
    compact_conversation,
    compact_system,
    opening_of,
)
from evolve.mutation.reflection.ideas import ideas_for
from evolve.mutation.reflection.prompt import LEAST_TOKENS, Setback, conversation, system_text, width_of
from evolve.mutation.reflection.retrying import Retry, Retrying
from evolve.mutation.reflection.sampling import draw
from evolve.mutation.reflection.sections import Material
from evolve.mutation.reflection.texts import TEXTS
from evolve.mutation.reflection.vetting import Child, Probe, TryOut, Unfit, child_of
from evolve.records import Became, Try, Usage
from evolve.sandboxes.protocol import Limits

Style = Literal["compact", "full"]
_REASON_CHARACTERS = 400
_BRIEF_LINES = 25
_WARMER, _WARMEST = 0.15, 1.2
_LONGER = 1.5


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters of a model's replies.

    Attributes:
        max_tokens: most tokens of a reply; half as many again after one that was cut off. None: the model's
            own.
        temperature: of the first draw; raised by 0.15 with each further one. None: the model's own for all.
    """

    max_tokens: int | None = None
    temperature: float | None = None

    def options(self, attempt: int, cut_off: int) -> dict[str, Any]:
        """Parameters of attempt number ``attempt``, from 0, after ``cut_off`` replies that were cut off."""
        options: dict[str, Any] = {}
        if self.max_tokens is not None:
            options["max_tokens"] = int(self.max_tokens * _LONGER**cut_off)
        if self.temperature is not None and attempt:
            warmer = max(self.temperature, min(self.temperature + _WARMER * attempt, _WARMEST))
            options["temperature"] = round(warmer, 2)
        return options


class ReflectionMutator(Mutator):
    """Mutator that shows a model the parent and its failures, and makes a program of the reply.

    With a partner in the brief, the candidate is a crossover: both are shown, with the strengths of each.

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
        references_shown: most other programs shown; None for all that the brief has.
        ideas_shown: number of suggested changes, drawn by the common failure cues.
        crossover: share of the candidates for which a partner that the brief offers is used; None for all.
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
        prompt_tokens: int = 60_000,
        attribution: bool = True,
        failures_shown: int = 2,
        successes_shown: int = 1,
        references_shown: int | None = None,
        ideas_shown: int = 0,
        crossover: float | None = None,
        freeze: Part | None = None,
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
        self._freeze: Part | None = freeze
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
        """Learn from the attempts at an earlier candidate; see ``Mutator``."""
        self._retrying.tell(feedback.number, feedback.tries)

    def mutate(self, brief: Brief, rng: random.Random) -> Proposal | Refusal:
        """Return a candidate that passes the contract, the frozen parts and the trials; or the reason why
        there is none.

        Raises:
            ModelError: an outage, or a setup that does not work; nothing is known about the candidate.
            BudgetReached: the spending limit is reached.
            InfrastructureError: the sandbox failed.
        """
        if brief.partner is not None and self._crossover is not None:
            crossing = rng.random() < self._crossover
            brief = replace(brief, scope="everything") if crossing else replace(brief, partner=None)
        brief = replace(brief, references=brief.references[: self._references_shown])
        material = self._material(brief, rng)
        if material.frozen.total:
            return Refusal(
                _operator(material),
                f"with the {self._freeze} frozen, scope {brief.scope} leaves nothing to change",
            )
        return self._series(material, rng)

    def _material(self, brief: Brief, rng: random.Random, seen: Sequence[str] = ()) -> Material:
        """Draw the material to show; cases that were ``seen`` are passed over where there are others."""
        blind = not (self._attribution or self._failures_shown or self._successes_shown)
        return Material(
            brief=brief,
            drawn=draw(
                brief,
                rng,
                failures=self._failures_shown,
                successes=self._successes_shown,
                low=self._low,
                seen=seen,
            ),
            frozen=frozen_parts(brief.program, brief.scope, self._freeze),
            freeze=self._freeze,
            edit=self._edit,
            read_characters=self._read_characters,
            attribution=self._attribution,
            crossing=brief.partner is not None and brief.partner_program is not None,
            width=Width(width_of(self._prompt_tokens)),
            texts=self._texts,
            blind=blind,
            ideas=ideas_for(brief, self._texts["ideas"], rng, self._ideas_shown, blind=blind),
        )

    def _series(self, material: Material, rng: random.Random) -> Proposal | Refusal:
        """Ask until a candidate works, the attempts are used up, or the same reply comes again."""
        tokens, cut_off = self._prompt_tokens, 0
        setback: Setback | None = None
        reason, replies, seen = "", set[str](), list[str]()
        tries: list[Try] = []
        usage, brief = Usage(), material.brief
        for attempt in range(1 + self._repairs):
            kind = self._kind(setback, brief.number, rng)
            if attempt and kind == "draw":
                material = self._another(material, attempt, rng, seen)
            seen += [item.task for item in material.drawn.failures]
            became: Became = "lost"
            try:
                options = self._sampling.options(attempt, cut_off) | self._stops(brief)
                reply = self._ask(material, tokens, setback, kind, attempt, options)
                usage += reply.usage
                child = self._child(reply, material)
            except ModelError as error:
                if not error.of_this_call:
                    raise
                if error.kind == "too_long":
                    tokens = max(tokens // 2, min(LEAST_TOKENS, self._prompt_tokens))
                cut_off += error.kind == "truncated"
                reason = f"{error.kind}: {error.message}"
                setback = Setback(error=reason, became="lost", cut_off=error.kind == "truncated")
            except Unfit as unfit:
                reason, became = unfit.reason, unfit.became
                setback = Setback(error=unfit.told, attempt=unfit.answer, became=became, line=unfit.line)
            else:
                tries.append(Try(kind=kind, form=self._edit, became="valid"))
                operator = _operator(material, child)
                return Proposal(
                    child.program, operator, child.message, _parents(material), usage, tuple(tries)
                )
            tries.append(Try(kind=kind, form=self._edit, became=became))
            if became != "lost":
                text = setback.attempt.strip()
                if text in replies:
                    break  # asked again, it would go in a circle
                replies.add(text)
        reason = one_line(reason, _REASON_CHARACTERS)
        return Refusal(_operator(material), reason, usage, tuple(tries))

    def _stops(self, brief: Brief) -> dict[str, Any]:
        """Return the stop sequence of a short reply: where it stops giving definitions and begins to repeat
        the program.
        """
        opening = opening_of(brief.program)
        if self._style == "full" or self._edit != "definitions" or not opening:
            return {}
        return {"stop": [opening]}

    def _kind(self, setback: Setback | None, number: int, rng: random.Random) -> Retry:
        """Return the kind of the next attempt: there is no conversation about a reply that did not come."""
        if setback is None or (self._style == "compact" and not setback.attempt):
            return "draw"
        return self._retrying.choose(number, rng)

    def _another(self, material: Material, attempt: int, rng: random.Random, seen: Sequence[str]) -> Material:
        """Draw new material for the same candidate: other cases, and the next scope."""
        brief = material.brief
        if brief.scopes and not material.crossing:
            scope = brief.scopes[(attempt - 1) % len(brief.scopes)]
            if not frozen_parts(brief.program, scope, self._freeze).total:
                brief = replace(brief, scope=scope)
        return self._material(brief, rng, seen)

    def _child(self, reply: Reply, material: Material) -> Child:
        frozen = material.frozen
        if self._style == "compact":  # the scope is a hint; the campaign's frozen part is not
            frozen = frozen_parts(material.brief.program, "everything", self._freeze)
        return child_of(
            reply.text,
            material.brief,
            frozen,
            self._edit,
            self._try_out,
            probe=self._probe,
            finished=True,
            texts=self._texts,
        )

    def _ask(
        self,
        material: Material,
        tokens: int,
        setback: Setback | None,
        kind: Retry,
        attempt: int,
        options: dict[str, Any],
    ) -> Reply:
        request = ChatRequest(
            messages=self._messages(material, tokens, setback, kind),
            cause="repair" if attempt and kind == "repair" else "reflect",
            options=options,
            # Equal prompts for two children, or in two attempts, are two questions, to a cache too.
            repeat=material.brief.number * (1 + self._repairs) + attempt,
        )
        return self._model.ask(request)

    def _messages(
        self, material: Material, tokens: int, setback: Setback | None, kind: Retry
    ) -> tuple[Message, ...]:
        if self._style == "full":
            return conversation(self._system, material, tokens, setback, kind)
        texts = self._texts["compact"]
        notes = []
        if setback and setback.cut_off:
            notes.append(texts.say("brief", lines=str(_BRIEF_LINES)))
        elif setback and kind == "draw" and setback.fruitless:
            notes.append(texts.say("again", reason=setback.error))
        asked = compact_conversation(self._system, material, tokens, tuple(notes))
        if not (setback and setback.attempt and kind == "repair"):
            return asked
        error = (
            f"{setback.error}\n{texts.say('quoted', line=setback.line)}" if setback.line else setback.error
        )
        return (
            *asked,
            {"role": "assistant", "content": setback.attempt},
            {"role": "user", "content": texts.say("refused", error=error)},
        )


def _operator(material: Material, child: Child | None = None) -> str:
    """Return the operator's name; for a candidate that went beyond its scope, that of the whole program."""
    brief = material.brief
    if material.crossing:
        return "crossover"
    if brief.scope == "everything" or (child is not None and material.frozen.changed(child.program)):
        return "reflect"
    return f"reflect/{brief.scope}"


def _parents(material: Material) -> tuple[int, ...]:
    brief = material.brief
    partner = (brief.partner.number,) if material.crossing and brief.partner else ()
    return (brief.parent.number, *partner)
