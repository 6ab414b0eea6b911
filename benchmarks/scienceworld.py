"""ScienceWorld: experiments of elementary science acted out in text (Wang et al., EMNLP 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data.splitting import shuffled
from evolve.environments.simulator import Simulator, kept
from evolve.errors import UsageError
from evolve.records import Episode, Task

Preset = Literal["none", "easy"]
Told = Mapping[str, Any]
ENGINE = Simulator(
    "ScienceWorld",
    "play_scienceworld.py",
    ("scienceworld",),
    "scienceworld",
    start_seconds=180,
    programs={"java": "default-jre-headless"},
)
VERSION = "1-1.2.3"
"""Of this file, and of the engine that the extra installs."""
MAX_STEPS = 100
TYPES = {
    "1-1": "boil",
    "1-2": "melt",
    "1-3": "freeze",
    "1-4": "change-the-state-of-matter-of",
    "2-1": "use-thermometer",
    "2-2": "measure-melting-point-known-substance",
    "2-3": "measure-melting-point-unknown-substance",
    "3-1": "power-component",
    "3-2": "power-component-renewable-vs-nonrenewable-energy",
    "3-3": "test-conductivity",
    "3-4": "test-conductivity-of-unknown-substances",
    "4-1": "find-living-thing",
    "4-2": "find-non-living-thing",
    "4-3": "find-plant",
    "4-4": "find-animal",
    "5-1": "grow-plant",
    "5-2": "grow-fruit",
    "6-1": "chemistry-mix",
    "6-2": "chemistry-mix-paint-secondary-color",
    "6-3": "chemistry-mix-paint-tertiary-color",
    "7-1": "lifespan-longest-lived",
    "7-2": "lifespan-shortest-lived",
    "7-3": "lifespan-longest-lived-then-shortest-lived",
    "8-1": "identify-life-stages-1",
    "8-2": "identify-life-stages-2",
    "9-1": "inclined-plane-determine-angle",
    "9-2": "inclined-plane-friction-named-surfaces",
    "9-3": "inclined-plane-friction-unnamed-surfaces",
    "10-1": "mendelian-genetics-known-plant",
    "10-2": "mendelian-genetics-unknown-plant",
}
CARD = {
    "task": f"do one of 30 sorts of experiment in a world of text, in at most {MAX_STEPS} steps",
    "size": "30 types of task, 7,207 variations: 3,592 for training, 1,796 for development, 1,819 for test",
    "source": "https://github.com/allenai/ScienceWorld: the engine is the package scienceworld 1.2.3; "
    "nothing is fetched by evolve",
    "licence": "Apache-2.0; its engine runs in Java, in a process of its own",
    "metric": "reward: the engine's score at the end, 0 to 100, as 0 to 1; it is 1 where all was done. A "
    "mistake that cannot be mended ends the episode with -100 in the engine, and counts 0 here",
    "official metric": "differs: the engine's score, but -100, of a mistake that ends the episode, counts 0",
    "splits": "the engine's own: episodes are gold paths of training variations, validation is dev, test is "
    "test; so many variations of each type are drawn, always the same",
    "protocol": "pooled scope; what is retrieved once serves all steps; commands that the engine lists are "
    "possible, it takes some others too",
    "differs": "every command costs a step here, where in the engine looking around is free; 'reset task' is "
    "not offered; the package's agents play every test variation, which variations=0 does",
    "not verified": "against any published score",
}


def _installed(_: Path) -> None:
    ENGINE.require()


@benchmark(card=CARD, requires=_installed, metric="reward", protocol="pooled, acted")
def scienceworld(
    data_dir: Path,  # noqa: ARG001 - it comes with its engine
    *,
    types: str = "all",
    episodes: int = 3,
    variations: int = 3,
    preset: Preset = "none",
) -> Benchmark:
    """Thirty types of experiment, from boiling water to genetics, with other things and places each time.

    An episode is the engine's own gold path through a training variation, with what was seen on the way. A
    task is a variation of development or test: the same type of experiment with other things in other
    places. No gold path of a task is ever made. To ask the engine takes minutes, once: goals and episodes are
    kept in the user's cache.

    Args:
        data_dir: not used; nothing is downloaded.
        types: ``all``, or the numbers of types with commas between them, such as ``1-1,4-2``.
        episodes: gold paths of each type to remember, at most; those that do not reach the full score are
            left out.
        variations: tasks of each type in each split, at most; 0 for all that there are.
        preset: ``none``, or the engine's simplifications ``easy`` (open doors, teleports, pots that water
            themselves), as many published scores have it.

    Raises:
        UsageError: the package ``scienceworld`` or Java are missing, or an option is wrong.
    """
    if preset not in ("none", "easy"):
        raise UsageError(f"Option preset={preset!r}: expected none or easy.")
    if episodes < 1 or variations < 0:
        raise UsageError(f"Options episodes={episodes}, variations={variations}: expected 1 and 0, or more.")
    chosen = _chosen(types)
    simplified = "easy" if preset == "easy" else ""
    told = {
        number: kept(
            f"scienceworld-{VERSION}-{preset}-{number}-{episodes}x{variations}",
            lambda number=number: _ask(TYPES[number], episodes, variations, simplified),
        )
        for number in chosen
    }

    def tasks(split: str) -> tuple[Task, ...]:
        return tuple(_tasks(told, split))

    return Benchmark(
        name="scienceworld",
        episodes=tuple(_episodes(told)),
        validation=tasks("dev"),
        test=tasks("test"),
        metric="reward",
        environment=lambda task: ENGINE.play({**task.world, "simplified": simplified}),
        max_steps=MAX_STEPS,
        version=f"{VERSION}-{preset}-{types}-{episodes}x{variations}",
        card={**CARD, "drawn": f"{len(chosen)} types of task, preset {preset}"},
    )


def _chosen(types: str) -> list[str]:
    if types == "all":
        return list(TYPES)
    named = [number.strip() for number in types.split(",")]
    unknown = [number for number in named if number not in TYPES]
    if unknown or len(set(named)) < len(named):
        raise UsageError(
            f"Option types={types!r}: expected all, or different ones of {', '.join(TYPES)}, with commas "
            "between them."
        )
    return named


def _ask(name: str, episodes: int, variations: int, simplified: str) -> Told:
    """What the engine tells of the type ``name``: gold paths of training, and goals of the other splits."""
    player = ENGINE.start()
    try:
        split = player.ask({"do": "split", "task": name}, ENGINE.start_seconds)

        def ask(what: str, number: int) -> dict[str, Any]:
            wanted = {"do": what, "task": name, "variation": number, "simplified": simplified}
            return {"variation": number, **player.ask(wanted, ENGINE.start_seconds)}

        return {
            "train": [
                run
                for run in (ask("gold", n) for n in _drawn(split["train"], name, episodes))
                if run["score"] >= 1
            ],
            **{
                part: [ask("goal", n) for n in _drawn(split[part], name, variations or len(split[part]))]
                for part in ("dev", "test")
            },
        }
    finally:
        player.close()


def _drawn(numbers: Sequence[int], name: str, most: int) -> list[int]:
    return sorted(shuffled(numbers, str, f"scienceworld {name}")[:most])


def _episodes(told: Mapping[str, Told]) -> Iterator[Episode]:
    for number, tells in told.items():
        for run in tells["train"]:
            lines = [f"Goal: {run['goal']}", run["beginning"]]
            for command, seen in run["steps"]:
                lines += [f"> {command}", seen]
            yield Episode(id=f"{number}/{TYPES[number]}/{run['variation']}", text="\n".join(lines))


def _tasks(told: Mapping[str, Told], split: str) -> Iterator[Task]:
    for number, tells in told.items():
        for variation in tells[split]:
            yield Task(
                id=f"{number}/{TYPES[number]}/{variation['variation']}",
                question=variation["goal"],
                category=TYPES[number],
                world={"task": TYPES[number], "variation": variation["variation"]},
            )
