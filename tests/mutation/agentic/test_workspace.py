"""Files that a proposer may read: laid out by a whitelist, bounded, the same in a resumed run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from evolve.mutation import MutationContext, Notes, RunSnapshot
from evolve.mutation.agentic.workspace import workspace_of
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval, ItemResult, Task

Contexts = Callable[..., MutationContext]
OTHER = MemoryProgram("x = 1\n")


class FakeRecord:
    """Two candidates, each evaluated on one task of the fitness set and on one of its own."""

    def __init__(self, subset: str = "static") -> None:
        self.subset = subset

    def fitness(self, candidate: Candidate) -> Evaluation | None:
        return _evaluation(candidate, self.subset, "fit", "hidden-test")

    def minibatch(self, candidate: Candidate) -> Evaluation | None:
        return _evaluation(candidate, f"rotating-{candidate.number}", f"mini-{candidate.number}")

    def fitness_tasks(self) -> Sequence[Task]:
        return (Task(id="fit", question="Where is the kettle?", answers=("Lisbon",)),)

    def minibatch_tasks(self, candidate: Candidate) -> Sequence[Task]:
        return (Task(id=f"mini-{candidate.number}", question="Who has it?", answers=("Cleo",)),)


def _evaluation(candidate: Candidate, subset: str, *tasks: str) -> Evaluation:
    return Evaluation(
        program=candidate.program,
        subset=subset,
        conditions="c",
        isolation="process",
        status="complete",
        metric="f1",
        quality=Interval(mean=0.5, low=0.4, high=0.6),
        latency=0.123,
        items=tuple(
            ItemResult(
                task=task, score=0.5, query={"text": "kettle"}, retrieved=f"line of {task}", seconds=7.5
            )
            for task in tasks
        ),
    )


def contexts(context_of: Contexts, **changes: object) -> MutationContext:
    context = context_of()
    zero = Candidate(
        number=0, program=OTHER.id, name="seed", objectives={"quality": 0.2}, item_scores={"fit": 0.25}
    )
    child = Candidate(
        number=3, program="c" * 12, parents=(0,), operator="reflect", objectives={"quality": 0.6}
    )
    history = RunSnapshot(
        (zero, context.parent, child),
        {0: OTHER, context.parent.number: context.program},
        front=(3,),
        discarded=((2, "reflect", "the same program as candidate #0"),),
    )
    return replace(context, history=history, **changes)  # type: ignore[arg-type]


def test_programs_lineage_scores_and_traces_are_there(context_of: Contexts) -> None:
    workspace = workspace_of(contexts(context_of), FakeRecord(), contract="the contract")
    files = workspace.files
    assert files["contract.md"] == "the contract"
    assert files["parent.py"] == files["programs/1.py"] == context_of().program.source
    assert files["programs/0.py"] == OTHER.source
    assert "| 3 | 0 | reflect | complete, front |" in files["lineage.md"]
    assert "- 2 (reflect): the same program as candidate #0" in files["lineage.md"]
    assert files["scores.csv"] == "task,0,1,3\nfit,0.250,,\n"
    assert "line of fit" in files["traces/0-fitness.md"]
    assert "What does Bob prefer?" in files["traces/1-minibatch.md"]
    assert "Right answer: red wine" in files["traces/1-minibatch.md"]
    assert "line of mini-0" in files["traces/0-minibatch.md"]
    assert files["episodes/e0.txt"].startswith("3 May 2023")
    assert "traces/N-fitness.md" in files["README.md"]


def test_only_whitelisted_items_and_no_gold_of_the_fitness_set(context_of: Contexts) -> None:
    files = workspace_of(contexts(context_of), FakeRecord(), contract="").files
    everything = "\n".join(files.values())
    assert "Where is the kettle?" in everything
    assert "Lisbon" not in everything
    assert "hidden-test" not in everything
    assert workspace_of(contexts(context_of), FakeRecord("test"), contract="").names("traces") == [
        "traces/0-minibatch.md",
        "traces/1-minibatch.md",
    ]


def test_a_task_of_the_minibatch_keeps_its_answer_in_the_fitness_set(context_of: Contexts) -> None:
    """Where there is no minibatch of its own, the fitness set is it."""
    context = contexts(context_of)
    shared = Task(id="fit", question="Where is the kettle?", answers=("Lisbon",))
    files = workspace_of(
        replace(context, tasks={**context.tasks, "fit": shared}), FakeRecord(), contract=""
    ).files
    assert "Lisbon" in files["traces/0-fitness.md"] or "Lisbon" in files["traces/1-minibatch.md"]


def test_no_measured_time_is_shown(context_of: Contexts) -> None:
    everything = "\n".join(workspace_of(contexts(context_of), FakeRecord(), contract="").files.values())
    assert "7.5" not in everything
    assert "0.123" not in everything


def test_the_folder_is_bounded_and_says_what_is_left_out(context_of: Contexts) -> None:
    whole = workspace_of(contexts(context_of), FakeRecord(), contract="")
    size = sum(len(text) for path, text in whole.files.items() if path != "README.md")
    small = workspace_of(contexts(context_of), FakeRecord(), contract="", most=size - 1)
    assert small.left_out
    assert "parent.py" in small.files
    assert f"{len(small.left_out)} files, such as {small.left_out[0]}" in small.files["README.md"]


def test_a_plateau_is_said_in_the_guide(context_of: Contexts) -> None:
    for stalled in (0, 14):
        context = contexts(context_of, stalled=stalled)
        guide = workspace_of(context, FakeRecord(), contract="").files["README.md"]
        assert ("the last 14 candidates improved nothing" in guide) is bool(stalled)


def test_notes_and_hints_are_there_if_the_run_has_any(context_of: Contexts) -> None:
    record = FakeRecord()
    assert not {"notes.md", "hints.md"} & workspace_of(contexts(context_of), record, contract="").files.keys()
    notes = (Notes("Ranking by words helped."), Notes("Vectors did not.", "other"))
    context = contexts(context_of, hints=("Keep dates.",), notes=notes)
    files = workspace_of(context, record, contract="").files
    assert files["notes.md"] == "Ranking by words helped.\n\n# From the run other\n\nVectors did not."
    assert files["hints.md"] == "- Keep dates."
