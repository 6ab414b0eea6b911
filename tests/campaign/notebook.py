"""A benchmark that a real model answers in a minute: two days in each of two worlds, graded by a judge."""

from __future__ import annotations

from pathlib import Path

from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

FACTS = {
    "home": (
        (("Ada", "kettle", "Lisbon"), ("Ben", "violin", "Oslo")),
        (("Cleo", "novel", "Quito"), ("Dan", "canoe", "Perth")),
    ),
    "work": (
        (("Eve", "lamp", "Turin"), ("Finn", "map", "Cairo")),
        (("Gus", "clock", "Delhi"), ("Hana", "drum", "Lima")),
    ),
}


@benchmark
def notebook(data_dir: Path) -> Benchmark:
    """Four questions to choose by, four to test with."""
    episodes, tasks = [], {"home": [], "work": []}
    for world, days in FACTS.items():
        for day, facts in enumerate(days, start=1):
            lines = [f"{who}: I bought my {thing} in {town}." for who, thing, town in facts]
            episodes.append(Episode(id=f"{world}-{day}", text="\n".join(lines), group=world))
            tasks[world].extend(
                Task(
                    id=f"{world}-{who}",
                    question=f"Where did {who} buy the {thing}?",
                    answers=(town,),
                    group=world,
                    evidence=(Evidence(episode=f"{world}-{day}", text=line),),
                )
                for line, (who, thing, town) in zip(lines, facts, strict=True)
            )
    return Benchmark(
        name="notebook",
        episodes=tuple(episodes),
        validation=tuple(tasks["home"]),
        test=tuple(tasks["work"]),
        scope="grouped",
        metric="judge",
    )
