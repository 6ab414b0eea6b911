"""TextWorld (Côté et al., 2018): errands in recurring worlds that are made offline, or games of your own."""

from __future__ import annotations

import base64
import hashlib
import random
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import json_object, three_parts
from evolve.environment import Environment
from evolve.environments.errands import Errand, World
from evolve.environments.player import Player
from evolve.environments.simulator import Simulator, kept
from evolve.errors import UsageError
from evolve.records import Episode, Task

Games = Literal["made", "given"]
ENGINE = Simulator("TextWorld", "play_textworld.py", ("textworld",), "textworld", start_seconds=180)
MATERIAL = "textworld_material/worlds.toml"
VERSION = 1
MAX_STEPS = 25
TEST_SHARE = 0.4
CARD = {
    "task": "bring a thing to a piece of furniture in a world visited before, "
    f"in at most {MAX_STEPS} steps, or as many as the option says; "
    "games=given: win the games of a folder, in at most 50",
    "size": "as many worlds, visits and goals as the options say",
    "source": "https://github.com/microsoft/TextWorld: the engine; worlds by this file, games by yourself",
    "licence": "MIT; the engine brings jericho, which is GPL: it runs in a process of its own, and is "
    "installed by the extra textworld only",
    "splits": "40 % of the worlds for test; games=given: 40 % episodes, the rest in halves",
    "metric": "reward: 1 for a game won, 0 for one lost, else the share of its points, below 1",
    "official metric": "ours: the engine has a score of points and no published benchmark of memory",
}


def _installed(_: Path) -> None:
    ENGINE.require()


@benchmark(
    card=CARD, requires=_installed, plays=("*.json", "*.z8"), metric="reward", protocol="grouped, acted"
)
def textworld(
    data_dir: Path,
    *,
    games: Games = "made",
    seed: int = 0,
    worlds: int = 6,
    visits: int = 6,
    goals: int = 5,
    steps: int = MAX_STEPS,
) -> Benchmark:
    """Text adventures acted out in the TextWorld engine, in worlds that are visited again with other goals.

    ``made``: a world has six rooms with two pieces of furniture each, some closed, and ten things. A goal is
    to bring a thing to a piece of furniture; it names no room and no way. An episode is the transcript of an
    earlier visit with another goal, by somebody who knew the way. Making them takes minutes, once: the
    transcripts are kept in the user's cache.

    ``given``: the ``.json`` games of ``data_dir``, as ``tw-make`` and ``game.save`` write them. Some are
    episodes, by the walkthrough that comes with them, the others tasks. A ``.z8`` file of the same name is
    played in its stead, with the original text; without one, what is seen is told in sentences of our own.

    Args:
        data_dir: the folder of the games with games=given; else not used.
        games: ``made`` or ``given``.
        seed: of the made worlds.
        worlds: made worlds, 2 to 20; the last 40 % are for test.
        visits: episodes of each made world, 1 to 30.
        goals: tasks of each made world, 1 to 30.
        steps: most commands of a made task, 5 to 100. The rule-based agent finds its own way through six
            rooms in 25; with 10 it has to know it.

    Raises:
        UsageError: the package ``textworld`` or the games are missing, a game is malformed, or an option is
            out of its range.
    """
    if games not in ("made", "given"):
        raise UsageError(f"Option games={games!r}: expected made or given.")
    ranges = (
        ("worlds", worlds, 2, 20),
        ("visits", visits, 1, 30),
        ("goals", goals, 1, 30),
        ("steps", steps, 5, 100),
    )
    for name, value, low, high in ranges:
        if not low <= value <= high:
            raise UsageError(f"Option {name}={value}: expected {low} to {high}.")
    return _given(data_dir) if games == "given" else _made(seed, worlds, visits, goals, steps)


def _made(seed: int, number: int, visits: int, goals: int, steps: int) -> Benchmark:
    content = (Path(__file__).parent / MATERIAL).read_bytes()
    material = tomllib.loads(content.decode())
    rng = random.Random(f"textworld {seed}")
    worlds = [World(f"world-{n + 1}", material, random.Random(rng.random())) for n in range(number)]
    version = f"{VERSION}-{hashlib.sha256(content).hexdigest()[:8]}-seed{seed}-{number}x{visits}x{goals}"
    errands = {world.name: world.errands(visits + goals) for world in worlds}
    past = {name: given[:visits] for name, given in errands.items()}
    told = _transcripts(worlds, past, version)
    tasks = {
        world.name: [
            Task(
                id=f"{world.name}/goal-{n}",
                question=f"In {world.name}: {errand.words}",
                group=world.name,
                category=errand.verb,
                world={"world": world.name, "goal": n},
            )
            for n, errand in enumerate(errands[world.name][visits:], 1)
        ]
        for world in worlds
    }
    held_out = max(1, round(TEST_SHARE * number))
    made = {
        task.id: {**world.spec, "quests": [errand.commands]}
        for world in worlds
        for task, errand in zip(tasks[world.name], errands[world.name][visits:], strict=True)
    }
    return Benchmark(
        name="textworld",
        episodes=tuple(
            Episode(id=f"{name}/visit-{n}", text=text, group=name)
            for name, texts in told.items()
            for n, text in enumerate(texts, 1)
        ),
        validation=tuple(task for world in worlds[:-held_out] for task in tasks[world.name]),
        test=tuple(task for world in worlds[-held_out:] for task in tasks[world.name]),
        scope="grouped",
        metric="reward",
        environment=lambda task: ENGINE.play({"make": made[task.id]}),
        max_steps=steps,
        version=version,
        card={
            **CARD,
            "task": f"bring a thing to a piece of furniture, in at most {steps} steps",
            "splits": f"{number} worlds of {visits} visits and {goals} goals; the last {held_out} for test",
            "protocol": "grouped scope; possible commands are listed; what is seen is told in our words",
        },
    )


def _transcripts(
    worlds: list[World], errands: Mapping[str, list[Errand]], version: str
) -> dict[str, list[str]]:
    """World → the transcript of each errand, as the engine tells it; from the cache where they are there."""

    def tell() -> dict[str, list[str]]:
        player = ENGINE.start()  # one for them all: to start it takes longer than to play
        try:
            return {
                world.name: [
                    _played(player, world, errand, n) for n, errand in enumerate(errands[world.name], 1)
                ]
                for world in worlds
            }
        finally:
            player.close()

    return kept(f"textworld-{version}", tell)


def _played(player: Player, world: World, errand: Errand, number: int) -> str:
    environment = ENGINE.played(player, {"make": {**world.spec, "quests": [errand.commands]}})
    lines = [f"Visit {number}", f"Goal: {errand.words}", environment.reset().text]
    for command in errand.commands:
        lines += [f"> {command}", environment.step(command).text]
    return "\n".join(lines)


def _given(data_dir: Path) -> Benchmark:
    files = sorted(data_dir.glob("*.json")) if data_dir.is_dir() else []
    if not files:
        raise UsageError(
            f"games=given needs TextWorld games, .json files, and there are none in {data_dir}. Make some "
            "with tw-make, and say where they are with --data-dir; or leave games=made."
        )
    rows = {file.stem: json_object(file) for file in files}
    named, validation, test = three_parts(
        list(rows),
        episode_share=0.4,
        test_share=0.5,
        most_test=100,
        benchmark="textworld",
        key=str,
        category=lambda _: "",
    )
    goals = {name: row.text("objective") for name, row in rows.items()}
    steps = {name: rows[name].row("metadata").value("walkthrough", list) for name in named}
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]

    def tasks(names: list[str]) -> tuple[Task, ...]:
        return tuple(Task(id=name, question=goals[name], world={"game": name}) for name in names)

    def opened(task: Task) -> Environment:
        file = data_dir / f"{task.world['game']}.json"
        compiled = file.with_suffix(".z8")
        code = base64.b64encode(compiled.read_bytes()).decode() if compiled.is_file() else ""
        return ENGINE.play({"game": file.read_text("utf-8"), "compiled": code})

    return Benchmark(
        name="textworld",
        episodes=tuple(
            Episode(id=name, text="\n".join([f"Goal: {goals[name]}", *(f"> {step}" for step in steps[name])]))
            for name in named
        ),
        validation=tasks(validation),
        test=tasks(test),
        metric="reward",
        environment=opened,
        version=f"{VERSION}-given-{digest}",
        card={
            **CARD,
            "task": "win a text adventure in at most 50 steps",
            "splits": f"{len(named)} to remember, {len(validation)} for validation, {len(test)} for test",
            "protocol": "pooled scope; possible commands are listed; the objective is the game's own",
        },
    )
