"""A benchmark that is scored in a moment: who got what where, in two worlds of a few lines each."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

PEOPLE = ("Ada", "Ben", "Cleo")
THINGS = ("kettle", "violin", "bicycle", "garden", "novel", "lantern", "canoe")
PLACES = ("Lisbon", "Oslo", "Quito", "Perth", "Turin")


def _world(group: str, shift: int) -> tuple[list[Episode], list[Task]]:
    lines: dict[int, list[str]] = {}
    tasks = []
    for place, (session, person) in enumerate(product(range(2), PEOPLE), start=shift):
        thing, town = THINGS[place % len(THINGS)], PLACES[place % len(PLACES)]
        line = f"{person}: My {thing} came all the way from {town}."
        lines.setdefault(session, []).extend([line, *_gossip(place)])
        tasks.append(
            Task(
                id=f"{group}-{session}-{person}",
                question=f"Where did {person} get the {thing}?",
                answers=(town,),
                group=group,
                evidence=(Evidence(episode=f"{group}-{session}", text=line),),
            )
        )
    episodes = [Episode(id=f"{group}-{n}", text="\n".join(text), group=group) for n, text in lines.items()]
    return episodes, tasks


def _gossip(shift: int) -> list[str]:
    """More than fits into what ``read`` may return, so that it matters how lines are ranked."""
    every = list(product(PEOPLE, THINGS, PLACES))
    some = every[shift :: len(every) // 15][:15]
    return [f"Eve: Did {a} get a {b} in {c}, or where did {a} get it?" for a, b, c in some]


@benchmark
def small(data_dir: Path) -> Benchmark:
    """Twelve questions to choose by, six to test with."""
    worlds = [_world(group, shift) for shift, group in enumerate(("w1", "w2", "w3"))]
    return Benchmark(
        name="small",
        episodes=tuple(episode for episodes, _ in worlds for episode in episodes),
        validation=(*worlds[0][1], *worlds[1][1]),
        test=tuple(worlds[2][1]),
        scope="grouped",
    )
