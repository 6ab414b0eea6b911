"""A benchmark by path: days on which people got things somewhere, and where they got them."""

from __future__ import annotations

import random
from pathlib import Path

from evolve.benchmark import Benchmark, benchmark
from evolve.records import Episode, Evidence, Task

PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo")
THINGS = ("kettle", "violin", "bicycle", "lantern", "novel", "canoe", "trowel", "globe")
PLACES = ("Lisbon", "Oslo", "Quito", "Perth", "Turin", "Kyoto", "Malmo", "Leeds")
LINES = 3


@benchmark
def diary(
    data_dir: Path,
    *,
    days: int = 24,
    tasks: int = 22,
    test: int = 6,
    metric: str = "judge",
    scope: str = "pooled",
) -> Benchmark:
    """Who got what where: one line of one day answers each question.

    Args:
        data_dir: not looked at.
        days: episodes, of ``LINES`` lines each.
        tasks: of validation.
        test: questions of the test set.
        metric: what answers are ranked by.
        scope: ``grouped``: three groups of days, of which the test set asks about the last.
    """
    rng = random.Random(0)
    weeks = -(-days * LINES // (len(PEOPLE) * len(THINGS)))
    pairs = [(who, f"{what}{week or ''}") for week in range(weeks) for what in THINGS for who in PEOPLE]
    rng.shuffle(pairs)
    episodes, questions = [], []
    for day in range(days):
        group = "" if scope == "pooled" else f"g{day * 3 // days}"
        lines = []
        for who, what in pairs[LINES * day : LINES * (day + 1)]:
            place = rng.choice(PLACES)
            lines.append(f"{who} got the {what} in {place}.")
            questions.append(
                Task(
                    id=f"{who}-{what}",
                    question=f"Where did {who} get the {what}?",
                    answers=(place,),
                    group=group,
                    evidence=(Evidence(episode=f"day-{day}", text=lines[-1]),),
                )
            )
        episodes.append(Episode(id=f"day-{day}", text="\n".join((f"Day {day}", *lines)), group=group))
    held_out = [task for task in questions if task.group in ("", "g2")]
    asked_of = [task for task in questions if task.group != "g2"]
    rng.shuffle(held_out)
    kept = tuple(held_out[:test])
    rng.shuffle(asked_of)
    return Benchmark(
        name="diary",
        episodes=tuple(episodes),
        validation=tuple(task for task in asked_of if task not in kept)[:tasks],
        test=kept,
        scope="grouped" if scope == "grouped" else "pooled",
        metric=metric,
        card={"task": "Remember where people got their things."},
    )
