"""Agentic mutator: a model that reads the run, tries changes and submits one."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evolve.config.sections import Freeze, ToolForm
from evolve.models.chat import ChatModel, Message
from evolve.models.fitting import Room
from evolve.models.prompts import Prompts
from evolve.models.tokens import CHARACTERS_PER_TOKEN
from evolve.models.tool_calls import Toolset
from evolve.mutation.agentic.calls import NAMES, CallName, tools_of
from evolve.mutation.agentic.dialogue import Dialogue
from evolve.mutation.agentic.sandboxed import ProposerSandbox
from evolve.mutation.agentic.session import OPERATOR, AgentSession, Caps
from evolve.mutation.agentic.toolbox import Toolbox
from evolve.mutation.agentic.transcript import FOLDER, Beginning, Transcript
from evolve.mutation.agentic.trying import Evaluate, Tryer
from evolve.mutation.agentic.wording import AGENT_TEXTS, Wording
from evolve.mutation.agentic.workspace import ValidationRecord, Workspace, workspace_of
from evolve.mutation.freezing import frozen_parts
from evolve.mutation.protocol import MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.reflection.vetting import Probe, TryOut

_RESULT_SHARE = 6
"""Share of the context that one result may take, as a divisor."""
_LEAST_RESULT, _MOST_RESULT = 800, 10_000


@dataclass(frozen=True)
class AgentSettings:
    """Settings of an agentic mutator.

    Attributes:
        caps: caps on the work on one candidate.
        try_tasks: most tasks of one trial; 0: no trials.
        python_seconds: most seconds of one run of Python.
        form: form of the calls.
        prompt_tokens: most estimated tokens of a prompt.
        freeze: part that no candidate may change.
    """

    caps: Caps = field(default_factory=Caps)
    try_tasks: int = 4
    python_seconds: float = 20.0
    form: ToolForm = "auto"
    prompt_tokens: int = 60_000
    freeze: Freeze | None = None


class AgenticMutator(Mutator):
    """Mutator in which a model works with tools on a workspace, up to a submission or a cap.

    Args:
        model: the agent's model.
        system: the contract, as the beginning of the system message.
        contract: the contract in full, for the workspace.
        record: recorded evaluations on validation tasks.
        try_out: smoke-runs a submission.
        probe: compares a submission with its parent; None for no such trial.
        evaluate: evaluates a trial.
        sandbox: runs the agent's Python; None: that tool is not offered.
        run: directory of the run, where transcripts are kept; None to keep none.
        settings: caps and sizes.
        texts: the prompts.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        system: str,
        contract: str,
        record: ValidationRecord,
        try_out: TryOut,
        evaluate: Evaluate,
        probe: Probe | None = None,
        sandbox: ProposerSandbox | None = None,
        run: Path | None = None,
        settings: AgentSettings | None = None,
        texts: Prompts = AGENT_TEXTS,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._model = model
        self._system = system
        self._contract = contract
        self._record = record
        self._try_out = try_out
        self._probe = probe
        self._evaluate = evaluate
        self._sandbox = sandbox
        self._run = run
        self._settings = settings or AgentSettings()
        self._clock = clock
        names: list[CallName] = [name for name in NAMES if name != "python" or sandbox is not None]
        if not self._settings.try_tasks:
            names.remove("try")
        self._wording = Wording(texts, tuple(names), self._settings.caps.steps)

    @property
    def identity(self) -> str:
        """The model, the prompts, the tools, and all settings that decide what is proposed."""
        told = hashlib.sha256(self._system.encode("utf-8", "replace")).hexdigest()[:12]
        offered = ",".join(self._wording.names)
        return (
            f"agent/1/{self._wording.texts.digest}/{told}/{offered}/{self._settings}/{self._model.identity}"
        )

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return the program that the agent submits, or the reason why there is none.

        Raises:
            ModelError: an outage, or a setup that does not work; nothing is known about the candidate.
            BudgetReached: the spending limit is reached.
            InfrastructureError: a sandbox failed, or the transcript could not be written.
        """
        settings = self._settings
        frozen = frozen_parts(context.program, "everything", settings.freeze)
        if frozen.total:
            reason = f"with the {settings.freeze} frozen, nothing is left to change"
            return NoCandidate(OPERATOR, reason)
        workspace = workspace_of(context, self._record, contract=self._contract)
        room, tokens = self._room()
        opening = self._opening(context, workspace, tokens)
        transcript = self._transcript(context, workspace, opening)
        characters = tokens * CHARACTERS_PER_TOKEN // _RESULT_SHARE
        try:
            session = AgentSession(
                self._model,
                Dialogue(opening),
                Toolset(tools_of(self._wording.names), self._wording.fenced, settings.form),
                Toolbox(
                    workspace,
                    self._sandbox,
                    min(_MOST_RESULT, max(_LEAST_RESULT, characters)),
                    settings.python_seconds,
                ),
                Tryer(
                    context,
                    frozen,
                    self._try_out,
                    self._probe,
                    self._evaluate,
                    settings.try_tasks,
                    self._wording,
                ),
                self._wording,
                settings.caps,
                transcript,
                number=context.number,
                parent=context.parent.number,
                room=room,
                **({"clock": self._clock} if self._clock else {}),
            )
            return session.outcome()
        finally:
            transcript.close()

    def _room(self) -> tuple[Room, int]:
        """Return the room of a request, and the tokens of its prompt."""
        room, most = Room.of(self._model), self._settings.prompt_tokens
        if room.prompt is None or room.prompt > most:
            reply = room.reply or 2_048
            room = Room(most + reply + 64, reply, room.model)
        return room, min(most, room.prompt or most)

    def _opening(self, context: MutationContext, workspace: Workspace, tokens: int) -> tuple[Message, ...]:
        said = self._wording.opening(
            context,
            workspace,
            freeze=self._settings.freeze,
            characters=tokens * CHARACTERS_PER_TOKEN // 3,
        )
        return (
            {"role": "system", "content": f"{self._system}\n\n{self._wording.role}"},
            {"role": "user", "content": said.encode("utf-8", "replace").decode("utf-8")},
        )

    def _transcript(
        self, context: MutationContext, workspace: Workspace, opening: tuple[Message, ...]
    ) -> Transcript:
        texts = [self.identity, context.program.id, *(message["content"] for message in opening)]
        key = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()[:16]
        beginning = Beginning(
            key=key,
            number=context.number,
            parent=context.parent.number,
            proposer=self._model.identity,
            files=len(workspace.files),
        )
        path = None if self._run is None else self._run / FOLDER / f"{context.number}.jsonl"
        return Transcript(path, beginning)
