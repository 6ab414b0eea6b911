"""The task agent with a model behind it: extracts, formulates queries, answers and acts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from importlib.resources import files
from typing import Any

from evolve.agents.llm.acting import Actor
from evolve.agents.llm.asking import ask_in
from evolve.agents.llm.schema import Schema
from evolve.agents.protocol import Conduct, Extraction, Recollection, Response
from evolve.environment import Environment
from evolve.errors import ProgramError
from evolve.models.chat import Cause, ChatModel, ChatRequest
from evolve.models.fitting import Room
from evolve.models.prompts import Prompts
from evolve.models.structured import Unusable
from evolve.program import Parts
from evolve.records import Episode, Failure, Task

VERSION = "1"
"""Version of the code around the prompts; raised when it changes what a model is sent or how a reply is
read.
"""


class LLMAgent:
    """Task agent that asks a model. All questions of a call are asked concurrently.

    Args:
        model: in the role of the task model.
        history_tokens: most estimated tokens of a prompt for the steps so far; the oldest are left out first,
            with a note.
        commands_shown: an environment's possible commands are listed in a prompt where they are at most so
            many; some have thousands, which are only matched against.
        environments_at_once: open at the same time in one call of ``act``.
    """

    def __init__(
        self,
        model: ChatModel,
        *,
        history_tokens: int = 4_000,
        commands_shown: int = 100,
        environments_at_once: int = 16,
    ) -> None:
        self._model = model
        self._history_tokens = history_tokens
        self._commands_shown = commands_shown
        self._environments_at_once = environments_at_once
        self._prompts = Prompts(files("evolve.agents") / "prompts", ("extract", "query", "answer", "act"))

    @property
    def identity(self) -> str:
        """Versions of code and prompts, the bounds of a prompt, and the model's identity."""
        bounds = f"{self._history_tokens}/{self._commands_shown}"
        return f"llm-agent-{VERSION}/{self._prompts.digest}/{bounds}/{self._model.identity}"

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        """A KnowledgeItem for each episode; a failure's ``where`` is ``extract`` and the episode's id."""
        schema, room = Schema("KnowledgeItem", parts.item), Room.of(self._model)
        instruction = parts.instructions.get("INSTRUCTION_KNOWLEDGE_ITEM", "")
        return self._model.run(
            [
                self._fill("extract", schema, room, instruction, one.text, f"extract {one.id}", repeat)
                for one in episodes
            ]
        )

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        """A Query for each task; a failure's ``where`` is ``formulate`` and the task's id."""
        schema, room = Schema("Query", parts.query), Room.of(self._model)
        instruction = parts.instructions.get("INSTRUCTION_QUERY", "")
        return self._model.run(
            [
                self._fill("query", schema, room, instruction, task.question, f"formulate {task.id}", repeat)
                for task in tasks
            ]
        )

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        """An answer to each task; one that is empty or cut off twice is inconclusive."""
        room = Room.of(self._model)
        return self._model.run([self._answer(parts, room, found, repeat) for found in recollections])

    def act(
        self,
        parts: Parts,
        recollections: Sequence[Recollection],
        environments: Sequence[Callable[[], Environment]],
        max_steps: int,
        repeat: int = 0,
    ) -> list[Conduct]:
        """Each task acted out; see ``matching.match`` for which command is taken for what the model said."""
        room = Room.of(self._model)
        places = asyncio.Semaphore(self._environments_at_once)

        async def in_turn(actor: Actor, open_environment: Callable[[], Environment]) -> Conduct:
            async with places:
                return await actor.act(open_environment)

        work: list[Coroutine[Any, Any, Conduct]] = []
        for recollection, open_environment in zip(recollections, environments, strict=True):
            actor = Actor(
                model=self._model,
                room=room,
                prompt=self._prompts["act"],
                slots=self._known("act", parts, recollection) | {"goal": recollection.task.question},
                max_steps=max_steps,
                history_tokens=self._history_tokens,
                commands_shown=self._commands_shown,
                repeat=repeat,
            )
            work.append(in_turn(actor, open_environment))
        return self._model.run(work)

    async def _fill(
        self, cause: Cause, schema: Schema, room: Room, instruction: str, source: str, where: str, repeat: int
    ) -> Extraction:
        prompt = self._prompts[cause]
        slots = {"instruction": instruction, "outline": schema.outline, "source": source}

        def request(room: Room) -> ChatRequest:
            messages, left_out = room.fit(prompt, slots, ("source",))
            return ChatRequest(
                messages,
                cause=cause,
                schema=schema.json_schema,
                name=schema.name,
                repeat=repeat,
                left_out=left_out,
            )

        asked = await ask_in(
            room,
            self._model,
            request,
            schema.read,
            lambda problem: prompt.say("again", problem=problem, outline=schema.outline),
        )
        if asked.value is not None:
            return Extraction(asked.value, asked.usage)
        if asked.inconclusive:
            return Extraction({}, asked.usage, inconclusive=asked.inconclusive)
        error = ProgramError(
            "extraction",
            f"The agent's model could not fill the fields of {schema.name}: {asked.problem}",
            detail=asked.said,
        )
        return Extraction({}, asked.usage, failure=Failure.of(error, where))

    async def _answer(self, parts: Parts, room: Room, recollection: Recollection, repeat: int) -> Response:
        prompt = self._prompts["answer"]
        task = recollection.task
        asked_for = f"{task.question}\n\n{task.answer_format}" if task.answer_format else task.question
        slots = self._known("answer", parts, recollection) | {"question": asked_for}

        def request(room: Room) -> ChatRequest:
            messages, left_out = room.fit(prompt, slots, ("retrieved", "always_on"))
            return ChatRequest(messages, cause="answer", repeat=repeat, left_out=left_out)

        asked = await ask_in(
            room, self._model, request, _not_empty, lambda problem: prompt.say("again", problem=problem)
        )
        return Response(asked.value or "", asked.usage, inconclusive=asked.problem)

    def _known(self, name: str, parts: Parts, recollection: Recollection) -> dict[str, str]:
        """The slots that answering and acting share; what is empty is said to be so."""
        prompt = self._prompts[name]
        return {
            "instruction": parts.instructions.get("INSTRUCTION_RESPONSE", ""),
            "always_on": parts.always_on if parts.always_on.strip() else prompt.say("no_knowledge"),
            "retrieved": recollection.retrieved
            if recollection.retrieved.strip()
            else prompt.say("no_memory"),
        }


def _not_empty(reply: str) -> str:
    if not reply:
        raise Unusable("it is empty.")
    return reply
