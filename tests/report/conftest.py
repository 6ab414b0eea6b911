"""A small run with everything that a report shows: tasks, evidence, failures, hostile text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.config import CampaignConfig
from evolve.errors import ProgramError
from evolve.events import Discarded, Evaluated, Joined, Proposed, Started
from evolve.journal import RunDirectory, RunRecord
from evolve.program import MemoryProgram, with_knobs
from evolve.records import Candidate, Evaluation, Failure, Interval, ItemResult, Stage
from evolve.seeds import seed_program

HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u2028\x1b[31m"


def items(scores: list[float]) -> tuple[ItemResult, ...]:
    return tuple(
        ItemResult(
            task=f"t{n}",
            category=("time", "name")[n % 2],
            score=score,
            metrics={"f1": score},
            query={"question": f"what {HOSTILE}"},
            retrieved=f"line one\nline {n}\n{HOSTILE}",
            answer=HOSTILE,
            stage=None if score >= 0.5 else Stage.NOT_RETRIEVED,
            seconds=0.002,
        )
        for n, score in enumerate(scores)
    )


class Recorder:
    """Writes candidates to a run as a campaign would."""

    def __init__(self, root: Path):
        self.directory = RunDirectory.create_or_open(root, "demo", CampaignConfig(budget=9))
        self.directory.append(
            Started(
                time="2026-11-22T10:00:00+00:00",
                version="0",
                isolation="process",
                conditions="c",
                resumed=False,
            )
        )

    def propose(self, number: int, program: MemoryProgram, parents: tuple[int, ...]) -> None:
        self.directory.save_program(program)
        self.directory.append(
            Proposed(number=number, program=program.id, parents=parents, operator="knobs", message=HOSTILE)
        )

    def join(
        self, number: int, program: MemoryProgram, scores: list[float] | None, parents: tuple[int, ...] = ()
    ) -> None:
        self.directory.save_program(program)
        mean = sum(scores) / len(scores) if scores else 0.0
        interval = Interval(mean=mean, low=max(0.0, mean - 0.1), high=mean + 0.1)
        failed = scores is None
        broken = ProgramError("timeout", HOSTILE)
        evaluation = Evaluation(
            program=program.id,
            subset="static",
            conditions="c",
            isolation="process",
            status="failed" if failed else "complete",
            metric="f1",
            quality=interval,
            cost=100.0 + number,
            latency=0.01,
            items=items(scores or []),
            failure=Failure.of(broken, "read t0") if failed else None,
            seconds=2.0,
        )
        self.directory.save_evaluation(evaluation)
        self.directory.append(
            Evaluated(
                number=number,
                program=program.id,
                subset="static",
                status=evaluation.status,
                quality=interval,
                cost=evaluation.cost,
                latency=evaluation.latency,
                stages=evaluation.stages(),
                seconds=2.0,
            )
        )
        objectives = {"quality": mean, "cost": evaluation.cost, "latency": 0.01}
        self.directory.append(
            Joined(
                candidate=Candidate(
                    number=number,
                    program=program.id,
                    name="" if parents else program.name,
                    parents=parents,
                    operator="knobs" if parents else "seed",
                    message=HOSTILE if parents else "",
                    objectives={} if failed else objectives,
                    item_scores={item.task: item.score for item in evaluation.items},
                    failed=failed,
                )
            )
        )


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[[], Recorder]:
    return lambda: Recorder(tmp_path / "runs")


LEXICAL, HYBRID = seed_program("lexical"), seed_program("hybrid")
CHILD = MemoryProgram(with_knobs(LEXICAL.source, {"chunk_characters": 300}) + f"\n# {HOSTILE!r} </script>\n")
BROKEN = MemoryProgram(LEXICAL.source + "\nraise ValueError\n")


@pytest.fixture
def programs() -> dict[str, MemoryProgram]:
    return {"lexical": LEXICAL, "hybrid": HYBRID, "child": CHILD, "broken": BROKEN}


@pytest.fixture
def run(recorder: Callable[[], Recorder]) -> RunRecord:
    """Two seeds, a better child, a failed one, one given up."""
    record = recorder()
    with record.directory as directory:
        record.join(0, LEXICAL, [0.0] * 10 + [1.0] * 2)
        record.join(1, HYBRID, [0.0] * 11 + [1.0])
        record.propose(2, CHILD, (0,))
        record.join(2, CHILD, [1.0] * 11 + [0.0], (0,))
        record.propose(3, BROKEN, (2, 1))
        record.join(3, BROKEN, None, (2, 1))
        directory.append(Discarded(number=4, operator="crossover", reason=f"the same {HOSTILE}"))
    return RunRecord(directory.path)
