"""Memory within a task: a program observes the steps of an acting task, and is read again when it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Protocol

from evolve.agents.protocol import Recollection, TaskAgent
from evolve.benchmark import part_of
from evolve.environment import Environment, Observation, OpenEnvironment
from evolve.errors import BudgetReached, InfrastructureError, ModelError, ProgramError
from evolve.program import Parts
from evolve.records import Failure, Fields, ItemOutcome, Task, coarsest
from evolve.sandboxes.protocol import Outcome, Session
from evolve.sandboxes.session import LOG_LINES


class TaskRun(Protocol):
    """Continuation of a task after its first read, in the branch of that read."""

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """Return ``read`` with all that followed, and whether the session has ended.

        Args:
            session: the session, in the task's own branch.
            task: the task.
            read: its first read, which succeeded.

        Raises:
            InfrastructureError: the sandbox, a model or an environment could not be reached.
            BudgetReached: the spending limit is reached.
        """
        ...


@dataclass(frozen=True)
class ActedTask:
    """Task run that acts a task out, with a program that observes its steps.

    Attributes:
        agent: acts.
        parts: parts of the program.
        open_environment: opens the environment of a task.
        max_steps: most steps.
        repeat: number of a re-run that measures noise.
    """

    agent: TaskAgent
    parts: Parts
    open_environment: OpenEnvironment
    max_steps: int
    repeat: int = 0

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """See ``TaskRun.follow``; the outcome has the steps, the commands as its answer, and the reward."""
        memory = WorkingMemory(session, task, read)
        recollection = Recollection(task, read.query, read.retrieved)

        def opened() -> Environment:
            return ObservedEnvironment(self.open_environment(task), memory)

        (conduct,) = self.agent.act(self.parts, [recollection], [opened], self.max_steps, self.repeat)
        if memory.outage is not None:
            raise memory.outage
        inconclusive = "" if memory.failure else memory.unanswered or conduct.inconclusive
        texts = [*memory.texts, *[None] * len(conduct.steps)]
        steps = [step.model_copy(update={"retrieved": text}) for step, text in zip(conduct.steps, texts)]  # noqa: B905
        item = memory.spent.added_to(read).filled(
            failure=memory.failure,
            inconclusive=inconclusive,
            answer="\n".join(step.command for step in steps),
            steps=tuple(steps),
            metrics={"reward": conduct.reward},
        )
        return item.filled(usage=item.usage + conduct.usage), memory.session_ended


@dataclass(frozen=True)
class JointTaskRun:
    """Task run that acts out the tasks of each part as that part does; questions are only read.

    Attributes:
        parts: name of the part → what acts out its tasks.
    """

    parts: Mapping[str, TaskRun]

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """See ``TaskRun.follow``."""
        run = self.parts.get(part_of(task.id))
        return run.follow(session, task, read) if run else (read, False)


@dataclass(frozen=True)
class TriedStep:
    """Task run in which a program observes one made-up step, to see whether it can."""

    def follow(self, session: Session, task: Task, read: ItemOutcome) -> tuple[ItemOutcome, bool]:
        """See ``TaskRun.follow``."""
        memory = WorkingMemory(session, task, read)
        memory.observe("look", Observation(task.question))
        if memory.outage is not None:
            raise memory.outage
        item = memory.spent.added_to(read)
        return item.filled(failure=memory.failure, inconclusive=memory.unanswered), memory.session_ended


class WorkingMemory:
    """A program's memory of one task, while it is acted. Used by one thread at a time.

    After a failure of the program it is lost for the rest of the task, as the memory of a failed read is.

    Args:
        session: the session, in the task's own branch.
        task: the task.
        read: its first read; later ones have the same query.

    Attributes:
        texts: for each observed step, what was read after it; None where that was not asked or the same.
        spent: times, usage and logs of all that was observed and read.
        failure: failure of the program, if any.
        session_ended: the failure ended the session.
        unanswered: why a model gave a call of the program no answer, if so.
        outage: failure of the sandbox or of a model as a whole, if any.
    """

    def __init__(self, session: Session, task: Task, read: ItemOutcome) -> None:
        self._session = session
        self._task = task
        self._query = read.query
        self._text = read.retrieved
        self._goal = task.question
        self._context = copy_context()  # an agent may call from a thread of its own
        self.texts: list[str | None] = []
        self.spent = Spent()
        self.failure: Failure | None = None
        self.session_ended = False
        self.unanswered = ""
        self.outage: InfrastructureError | BudgetReached | None = None

    @property
    def over(self) -> bool:
        """True if nothing that the agent does now would count."""
        return self.session_ended or bool(self.unanswered) or self.outage is not None

    def observe(self, command: str, seen: Observation) -> Observation:
        """Return ``seen`` with the text to use from now on, if it is another one."""
        self._goal = seen.goal or self._goal
        text = None
        if not self.failure and not self.over:
            text = self._observed({"command": command, "observation": seen.text, "goal": self._goal})
        text = None if text == self._text else text
        self._text = self._text if text is None else text
        self.texts.append(text)
        return replace(seen, retrieved=text, done=seen.done or self.over)

    def _observed(self, step: Fields) -> str | None:
        """Let the program observe ``step``; return the text that it wants to have read, or that of none."""
        outcome = self._call("observe", self._session.observe, step)
        if outcome is not None and outcome.read_again:
            outcome = self._call("read", self._session.read, self._query)
            return outcome.text if outcome is not None else ""
        return "" if self.failure else None

    def _call(self, name: str, method: Callable[[Fields], Outcome], fields: Fields) -> Outcome | None:
        try:
            outcome = self._context.run(method, fields)
        except ProgramError as error:
            where = f"{name} {self._task.id}, step {len(self.texts) + 1}"
            self.failure, self.session_ended = Failure.of(error, where), error.fatal
            return None
        except (InfrastructureError, BudgetReached) as error:
            if isinstance(error, ModelError) and error.of_this_call:
                self.unanswered = str(error)
            else:
                self.outage = error
            return None
        self.spent.add(outcome)
        return outcome


class ObservedEnvironment:
    """Environment whose steps a program observes.

    The last step is not observed: nothing is done after it.

    Args:
        inner: the environment.
        memory: observes.
    """

    def __init__(self, inner: Environment, memory: WorkingMemory) -> None:
        self._inner = inner
        self._memory = memory

    def reset(self) -> Observation:
        """See ``Environment.reset``."""
        return self._inner.reset()

    def step(self, command: str) -> Observation:
        """See ``Environment.step``."""
        seen = self._inner.step(command)
        return seen if seen.done else self._memory.observe(command, seen)

    def close(self) -> None:
        """See ``Environment.close``."""
        self._inner.close()


class Spent:
    """Times, usage and logs of several calls of a program for one task."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self._outcomes.append(outcome)

    def added_to(self, item: ItemOutcome) -> ItemOutcome:
        """Return ``item`` with these times, usages and logs added to its own; its clock is the coarsest."""
        if not self._outcomes:
            return item
        cpu = [item.cpu_seconds, *(outcome.cpu_seconds for outcome in self._outcomes)]
        known = [seconds for seconds in cpu if seconds is not None]
        return item.filled(
            seconds=item.seconds + sum(outcome.seconds for outcome in self._outcomes),
            wall_seconds=(item.wall_seconds or 0.0) + sum(one.wall_seconds for one in self._outcomes),
            cpu_seconds=sum(known) if len(known) == len(cpu) else None,
            clock=coarsest((item.clock, *(one.clock for one in self._outcomes))),
            usage=sum((outcome.usage for outcome in self._outcomes), item.usage),
            logs=(*item.logs, *(line for one in self._outcomes for line in one.logs))[:LOG_LINES],
        )
