"""One program on one subset: memory by memory, with looks at what has come of it so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.benchmark import Learning, Scope
from evolve.evaluation.attribution import Memory, attribute, reads_raw_text, received_text
from evolve.evaluation.concurrency import begun
from evolve.evaluation.deferral import DeferringServices
from evolve.evaluation.grading import Answer, Grading, Marks
from evolve.evaluation.memo import Memo
from evolve.evaluation.online import OnlineLearner
from evolve.evaluation.racing import Referee
from evolve.evaluation.recall import Clock, ReadResult, Recall, Recaller
from evolve.evaluation.responding import Done, Responder
from evolve.evaluation.schedule import Stint, schedule
from evolve.evaluation.subsets import Subset
from evolve.program import MemoryProgram
from evolve.records import Episode, ItemResult, Task, Usage
from evolve.sandboxes.protocol import Session


@dataclass(frozen=True)
class Conditions:
    """All that a trial needs besides a program and a session; see ``Evaluator`` for the parts."""

    agent: TaskAgent
    memo: Memo
    responder: Responder
    grading: Grading
    scope: Scope
    learning: Learning
    low: float
    rounds: int
    looks: int
    clock: Clock
    cost: Callable[[Usage], float]


class Trial:
    """An evaluation under way. Used once, by one thread.

    Args:
        conditions: what stays the same for all programs.
        program: what is tried.
        subset: on this.
        repeat: number of a re-run that measures noise.
        referee: may give the program up; None to go through with it.

    Attributes:
        items: results so far, in the order in which they came.
        reason: why the program was given up, if it was.
    """

    def __init__(
        self,
        conditions: Conditions,
        program: MemoryProgram,
        subset: Subset,
        repeat: int,
        referee: Referee | None = None,
    ) -> None:
        self._at = conditions
        self._program = program
        self._subset = subset
        self.repeat = repeat
        self._referee = referee
        self._stints = schedule(subset, conditions.scope, looks=conditions.looks if referee else 0)
        self._extracted: dict[str, Extraction] = {}
        self._queries: dict[str, Extraction] = {}
        self._formulating: dict[tuple[str, ...], Future[list[Extraction]]] = {}
        self._verbatim = reads_raw_text(program.parts)
        self.items: list[ItemResult] = []
        self.reason = ""

    def prepare(self) -> None:
        """Ask the agent for what the first memory needs; for all, where nobody stops to look.

        Memories are filled without waiting for queries: whoever prepares must ``finish``.

        Raises:
            InfrastructureError: a model could not be reached.
            BudgetReached: no more may be spent.
        """
        self._foresee_from(0)

    def carry_out(
        self, session: Session, deferring: DeferringServices | None, *, score: bool = True
    ) -> Recall:
        """Fill and ask the memories in ``session``, and have the answers scored.

        Args:
            session: the program, loaded.
            deferring: the session's services, where answers of models are waited for.
            score: False to leave it at the reads.

        Raises:
            InfrastructureError: the sandbox or a model failed.
            BudgetReached: no more may be spent.
        """
        self.items, self.reason = [], ""
        recaller = Recaller(
            session,
            self._at.clock,
            learn=self._learner().learn if self._at.learning == "online" else None,
            deferring=deferring,
            rounds=self._at.rounds,
        )
        due: list[tuple[ReadResult, Stint]] = []
        for place, stint in enumerate(self._stints):
            self._foresee_from(place)
            recaller.in_memory(
                stint.group,
                self._given(stint.episodes),
                lambda stint=stint: self._ask(recaller, stint, due, score=score),
            )
            if recaller.result.fatal or self.reason:
                break
        if score and not recaller.result.failure:
            self._score(due, recaller.result)
        return recaller.result

    def finish(self) -> None:
        """Wait for what is still being asked, whatever comes of it, so that nothing paid for is lost."""
        wait(self._formulating.values())

    def _ask(
        self, recaller: Recaller, stint: Stint, due: list[tuple[ReadResult, Stint]], *, score: bool
    ) -> None:
        """Ask the tasks of a memory. What is not scored at once, to be looked at, is added to ``due``."""
        for block in stint.blocks:
            self._foresee((), block)
            self._await_queries()
            reads = recaller.ask([(task, self._queries[task.id]) for task in block])
            due += [(read, stint) for read in reads]
            if recaller.result.fatal:
                return
            if self._referee is not None and score and stint.look:
                self._score(due, recaller.result)
                due.clear()
                self.reason = self._verdict(recaller.result)
                if self.reason:
                    return

    def _foresee_from(self, place: int) -> None:
        """Have all extracted and formulated that is needed from a memory on until one looks."""
        episodes: list[Episode] = []
        tasks: list[Task] = []
        for stint in self._stints[place:]:
            episodes += stint.episodes
            tasks += stint.blocks[0]
            if stint.look:
                break
        self._foresee(episodes, tasks)

    def _foresee(self, episodes: Sequence[Episode], tasks: Sequence[Task]) -> None:
        """Have the agent extract, and begin to formulate, what it has not yet."""
        online = self._at.learning == "online"
        parts = self._program.parts
        begun_before = {name for names in self._formulating for name in names}.union(self._queries)
        questions = {task.id: task for task in tasks}
        if online:
            questions |= {episode.id: episode.task for episode in episodes if episode.task}
        new = {name: task for name, task in questions.items() if name not in begun_before}
        if new:
            self._formulating[tuple(new)] = begun(
                lambda: self._at.memo.formulate(self._at.agent, parts, list(new.values()), repeat=self.repeat)
            )
        if online:
            self._await_queries()  # an episode's question is asked before it is written
            return
        given = [episode for episode in episodes if episode.id not in self._extracted]
        if given:
            items = self._at.memo.extract(self._at.agent, parts, given, repeat=self.repeat)
            self._extracted.update(zip([episode.id for episode in given], items, strict=True))

    def _await_queries(self) -> None:
        for names, queries in self._formulating.items():
            self._queries.update(zip(names, queries.result(), strict=True))
        self._formulating.clear()

    def _given(self, episodes: Sequence[Episode]) -> list[tuple[Episode, Extraction | None]]:
        """Each episode with what was extracted of it; with nothing where that is learnt online."""
        return [(episode, self._extracted.get(episode.id)) for episode in episodes]

    def _learner(self) -> OnlineLearner:
        at = self._at
        return OnlineLearner(at.agent, at.grading, self._program.parts, self._queries, self.repeat)

    def _score(self, due: Sequence[tuple[ReadResult, Stint]], recalled: Recall) -> None:
        """Have the agent answer or act on what was read, and grade that."""
        if not due:
            return
        reads = [read for read, _ in due]
        done = self._at.responder.respond(self._program.parts, reads, self.repeat)
        answers = [
            Answer(read.task, act.text, read.outcome.text, act.reward, read.inconclusive or act.inconclusive)
            for read, act in zip(reads, done, strict=True)
        ]
        stints = {stint.group: stint for _, stint in due}
        memories = {group: self._memory(stint, recalled) for group, stint in stints.items()}
        for (read, stint), act, marks in zip(
            due, done, self._at.grading.marks(answers, self.repeat), strict=True
        ):
            self.items.append(self._item(read, act, marks, memories[stint.group]))

    def _item(self, read: ReadResult, done: Done, marks: Marks, memory: Memory) -> ItemResult:
        task, retrieved = read.task, read.outcome.text
        stage = None
        if not marks.inconclusive:
            stage = attribute(task, marks.score, memory=memory, retrieved=retrieved, low=self._at.low)
        return ItemResult(
            task=task.id,
            category=task.category,
            group=task.group,
            score=marks.score,
            metrics=marks.metrics,
            query=read.query.fields,
            retrieved=retrieved,
            answer=done.text,
            stage=stage,
            seconds=read.outcome.seconds,
            wall_seconds=read.outcome.wall_seconds,
            cpu_seconds=read.outcome.cpu_seconds,
            clock=read.outcome.clock,
            usage=read.query.usage + read.outcome.usage + done.usage,
            failure=read.failure,
            inconclusive=marks.inconclusive,
            steps=done.steps,
            logs=read.outcome.logs,
        )

    def _memory(self, stint: Stint, recalled: Recall) -> Memory:
        """What the memory of ``stint`` was given and received."""
        written = {
            write.episode: write.item
            for write in recalled.writes
            if write.failure is None and not write.inconclusive
        }
        return Memory(
            given={episode.id: episode.text for episode in stint.episodes},
            received={
                episode.id: received_text(written[episode.id], episode.text, verbatim=self._verbatim)
                for episode in stint.episodes
                if episode.id in written
            },
            verbatim=self._verbatim,
        )

    def _verdict(self, recalled: Recall) -> str:
        """Why the program is to be given up now; empty if it is not, or if all was asked."""
        asked, total = len(self.items), len(self._subset.tasks)
        if self._referee is None or not asked or asked >= total:
            return ""
        looks = sum(len(stint.blocks) for stint in self._stints if stint.look)
        cost = self._at.cost(self._expected(recalled)) / total
        return self._referee.verdict(self.items, cost, total=total, looks=looks)

    def _expected(self, recalled: Recall) -> Usage:
        """What the whole evaluation will use, if it goes on as it has begun."""
        writes = max(1, len(recalled.writes))
        filling = _times(recalled.usage, len(self._subset.episodes) / writes)
        asking = sum((item.usage for item in self.items), Usage())
        return filling + _times(asking, len(self._subset.tasks) / len(self.items))


def _times(usage: Usage, factor: float) -> Usage:
    return Usage(
        calls=round(usage.calls * factor),
        tokens_in=round(usage.tokens_in * factor),
        tokens_out=round(usage.tokens_out * factor),
        usd=usage.usd * factor,
        unpriced=round(usage.unpriced * factor),
    )
