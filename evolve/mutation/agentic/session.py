"""Work of an agent on one candidate: a loop of model and tools, up to a submission or a cap."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from evolve.errors import ModelError
from evolve.models.chat import ChatModel, ChatRequest, ToolCall
from evolve.models.fitting import Room
from evolve.models.tokens import estimate_tokens
from evolve.models.tool_calls import Toolset
from evolve.mutation.agentic.calls import AgentCall, BadCall
from evolve.mutation.agentic.commands import native_call, read_call
from evolve.mutation.agentic.dialogue import Dialogue, Turn
from evolve.mutation.agentic.toolbox import Toolbox
from evolve.mutation.agentic.transcript import Carried, Ending, Line, Spoken, Transcript
from evolve.mutation.agentic.trying import Tryer
from evolve.mutation.agentic.wording import Wording
from evolve.mutation.edits.answer import one_line
from evolve.mutation.protocol import NoCandidate, Proposal
from evolve.program import MemoryProgram
from evolve.records import Try, Usage

OPERATOR = "agent"
_BAD_IN_A_ROW = 4
_REASON_CHARACTERS = 400
_LATE_STEPS = 2
_MOST_STEPS = 1_000


@dataclass(frozen=True)
class Caps:
    """Caps on the work on one candidate.

    Attributes:
        steps: most replies of the model.
        tokens: most tokens of the model and of trials, read and written.
        usd: most USD; None for no cap.
        seconds: most seconds, of all processes that worked on it.

    Example:
        >>> Caps(steps=4).reached(Usage(), steps=4, seconds=0.0)
        'the cap of 4 steps'
    """

    steps: int = 16
    tokens: int = 200_000
    usd: float | None = None
    seconds: float = 900.0

    def reached(self, usage: Usage, steps: int, seconds: float, upcoming: int = 0) -> str:
        """Return the cap that is reached, or would be by ``upcoming`` tokens; an empty text for none."""
        if steps >= self.steps:
            return f"the cap of {self.steps} steps"
        if usage.tokens + upcoming > self.tokens:
            return f"the cap of {self.tokens:,} tokens"
        if self.usd is not None and usage.unpriced:
            return f"the cap of {self.usd:g} USD, since the price of the model is not known"
        if self.usd is not None and usage.usd >= self.usd:
            return f"the cap of {self.usd:g} USD"
        if seconds >= self.seconds:
            return f"the cap of {self.seconds:g} s"
        return ""


class AgentSession:
    """Loop of one candidate. What an earlier process did is replayed from the transcript.

    Args:
        model: the agent's model.
        dialogue: the opening.
        toolset: the tools offered.
        toolbox: carries out calls that read.
        tryer: checks, tries and vets programs.
        wording: texts for the model.
        caps: caps of the candidate.
        transcript: record of the work.
        number: number of the candidate.
        parent: number of its parent.
        room: tokens of the model's context.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        model: ChatModel,
        dialogue: Dialogue,
        toolset: Toolset,
        toolbox: Toolbox,
        tryer: Tryer,
        wording: Wording,
        caps: Caps,
        transcript: Transcript,
        *,
        number: int,
        parent: int,
        room: Room,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model
        self._dialogue = dialogue
        self._toolset = toolset
        self._toolbox = toolbox
        self._tryer = tryer
        self._wording = wording
        self._caps = caps
        self._transcript = transcript
        self._number = number
        self._parent = parent
        self._room = room
        self._clock = clock
        self._usage, self._seconds, self._steps = Usage(), 0.0, 0
        self._bad = 0
        self._tries: list[Try] = []
        self._tried: MemoryProgram | None = None

    def outcome(self) -> Proposal | NoCandidate:
        """Return the candidate that the agent submits, or the reason why there is none.

        Raises:
            ModelError: an outage, or a setup that does not work.
            BudgetReached: the spending limit is reached.
            InfrastructureError: a sandbox failed, or the transcript could not be written.
        """
        past = iter(self._transcript.lines[1:])
        while True:
            try:
                spoken = self._spoken(past)
            except ModelError as error:
                if error.kind != "too_long":
                    raise
                return self._nothing(f"too_long: {error.message}")
            if isinstance(spoken, str):
                return self._nothing(spoken)
            carried = self._carried(past, spoken)
            self._take(spoken, carried)
            if carried.program and carried.message:
                self._end("submitted")
                return Proposal(
                    MemoryProgram(carried.program),
                    OPERATOR,
                    carried.message,
                    (self._parent,),
                    self._usage,
                    tuple(self._tries),
                )
            if self._bad >= _BAD_IN_A_ROW:
                return self._nothing(f"{self._bad} replies in a row had no call that could be carried out")

    def _spoken(self, past: Iterator[Line]) -> Spoken | str:
        """Return the next reply, recorded or asked for now; the cap, if one is reached before it."""
        recorded = next(past, None)
        if isinstance(recorded, Spoken):
            return recorded
        if isinstance(recorded, Ending):
            return recorded.reason
        messages, left_out = self._dialogue.messages(self._room)
        upcoming = sum(estimate_tokens(message["content"]) for message in messages)
        if cap := self._caps.reached(self._usage, self._steps, self._seconds, upcoming):
            return f"{cap} is reached, and nothing was submitted"
        request = ChatRequest(
            messages,
            "reflect",
            repeat=self._number * _MOST_STEPS + self._steps,
            left_out=left_out,
            tools=self._toolset,
        )
        began = self._clock()
        try:
            reply = self._model.ask(request)
            calls = tuple((call.name, call.arguments, call.id) for call in reply.calls)
            spoken = Spoken(text=reply.text, calls=calls, usage=reply.usage)
        except ModelError as error:
            if not error.of_this_call:
                raise
            if error.kind == "too_long":
                self._room = self._room.smaller()
            spoken = Spoken(text="", error=f"{error.kind}: {error.message}")
        spoken = spoken.model_copy(update={"seconds": self._clock() - began})
        self._transcript.add(spoken)
        return spoken

    def _carried(self, past: Iterator[Line], spoken: Spoken) -> Carried:
        """Return the result of the reply's call, recorded or carried out now."""
        recorded = next(past, None)
        if isinstance(recorded, Carried):
            return recorded
        began = self._clock()
        carried = self._result(spoken)
        left = self._caps.steps - self._steps - 1
        if 0 < left <= _LATE_STEPS and not carried.message:
            carried = carried.model_copy(update={"text": f"{carried.text}\n\n{self._wording.late(left)}"})
        carried = carried.model_copy(update={"seconds": self._clock() - began})
        self._transcript.add(carried)
        return carried

    def _result(self, spoken: Spoken) -> Carried:
        if spoken.error:
            return Carried(call="", text=self._wording.bad(f"the answer did not arrive ({spoken.error})"))
        try:
            call = _call_of(spoken)
        except BadCall as error:
            return Carried(call="", text=self._wording.bad(str(error), spoken.text))
        more = "" if call.alone else f"\n\n{self._wording.more}"
        if call.name == "try":
            found = self._tryer.tried(call)
        elif call.name == "submit":
            found = self._tryer.submitted(self._with_code(call))
        else:
            found = Carried(call=call.title, text=self._toolbox.result(call))
        return found.model_copy(update={"text": found.text + more}) if more else found

    def _with_code(self, call: AgentCall) -> AgentCall:
        """Return a submission with the code of the program that was tried last, where it has none."""
        if call.text.strip() or self._tried is None:
            return call
        return replace(call, text=self._tried.source)

    def _take(self, spoken: Spoken, carried: Carried) -> None:
        """Account for a turn, and add it to the conversation."""
        self._steps += 1
        self._usage += spoken.usage + carried.usage
        self._seconds += spoken.seconds + carried.seconds
        self._bad = 0 if carried.call else self._bad + 1
        calls = tuple(ToolCall(*call) for call in spoken.calls[:1])
        self._dialogue.turns.append(Turn(spoken.text, calls, carried.call, carried.text))
        if carried.program:
            self._tried = MemoryProgram(carried.program)
        if carried.became is not None and carried.call.startswith("submit"):
            kind = "repair" if self._tries else "draw"
            reason = "" if carried.became == "valid" else one_line(carried.text, _REASON_CHARACTERS)
            self._tries.append(Try(kind=kind, form=OPERATOR, became=carried.became, reason=reason))

    def _nothing(self, reason: str) -> NoCandidate:
        self._end(reason)
        if not self._tries:
            self._tries.append(Try(kind="draw", form=OPERATOR, became="unreadable", reason=reason))
        return NoCandidate(OPERATOR, reason, self._usage, tuple(self._tries))

    def _end(self, reason: str) -> None:
        if not isinstance(self._transcript.lines[-1], Ending):
            self._transcript.add(Ending(reason=reason))


def _call_of(spoken: Spoken) -> AgentCall:
    """Return the first call of a reply; raises ``BadCall`` if it has none."""
    if spoken.calls:
        return native_call(ToolCall(*spoken.calls[0]), alone=len(spoken.calls) == 1)
    return read_call(spoken.text)
