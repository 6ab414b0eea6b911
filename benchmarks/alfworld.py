"""ALFWorld: household tasks acted out in TextWorld (Shridhar et al., ICLR 2021), in its real engine."""

from __future__ import annotations

import json
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evolve.benchmark import Benchmark, benchmark
from evolve.data import Row, json_object, rows_of
from evolve.data.splitting import draw
from evolve.environment import Environment
from evolve.environments.simulator import Simulator
from evolve.errors import UsageError
from evolve.records import Episode, Task

INDEX, TRANSCRIPTS, FOLDER = "alfworld_index.jsonl", "expert_transcripts_train300.json", "json_2.1.1"
Test = Literal["unseen", "seen"]
ENGINE = Simulator("ALFWorld", "play_alfworld.py", ("alfworld", "textworld"), "alfworld")
MAX_STEPS = 50
_GOAL = "Your task is to: "
CARD = {
    "task": "reach a goal in a household of text: place one or two, look in light, clean, heat, cool",
    "size": "3,553 training games, 140 valid_seen, 134 valid_unseen",
    "source": "https://github.com/alfworld/alfworld (alfworld-download); not fetched by evolve",
    "licence": "MIT; the engine needs jericho and fast-downward, which are GPL: they run in a process of "
    "their own, and are installed by the extra alfworld only",
    "metric": "reward: 1 for the goal reached within 50 steps, else 0; the mean is the success rate",
    "official metric": "yes: success rate within 50 steps",
    "splits": "test=unseen: valid_seen for validation, valid_unseen for test; test=seen: training games that "
    "are no episodes, and valid_seen",
    "protocol": "templated goals, possible commands are listed, as in text-only ALFWorld; the action is "
    "'move X to Y'; what is retrieved once serves all steps",
    "not verified": "that games and goals are those of any published table: no checksum is published",
}


def _needed(data_dir: Path) -> None:
    ENGINE.require()
    if not (data_dir / INDEX).is_file() and not (data_dir / FOLDER).is_dir():
        raise _missing(data_dir)


@benchmark(
    card=CARD,
    requires=_needed,
    plays=("alfworld_*.tar.xz", f"{FOLDER}/*/*/*/game.tw-pddl"),
    metric="reward",
    protocol="pooled, acted",
)
def alfworld(data_dir: Path, *, test: Test = "unseen", episodes: int = 300) -> Benchmark:
    """Six sorts of household tasks in rooms of text, acted out in up to 50 steps; expert runs to remember.

    An episode is the run of an expert in a training game: the goal, and what was done and seen. Without the
    file of transcripts it is the goal and the walkthrough that comes with the game, which shows no
    observations. A task is another game. Nothing of a task's walkthrough is ever shown.

    Args:
        data_dir: the folder with ``json_2.1.1`` as ``alfworld-download`` unpacks it (games with their
            ``game.tw-pddl``); or with an index ``alfworld_index.jsonl`` and ``alfworld_SPLIT.tar.xz``.
        test: ``unseen``, tested in rooms that no training game has (valid_unseen), validated in seen ones
            (valid_seen); or ``seen``, tested on valid_seen, validated on training games that are no episodes.
        episodes: how many expert runs there are to remember, at most.

    Raises:
        UsageError: data or the package ``alfworld`` are missing, a file is malformed, or an option is wrong.
    """
    if test not in ("unseen", "seen"):
        raise UsageError(f"Option test={test!r}: expected unseen or seen.")
    if episodes < 1:
        raise UsageError(f"Option episodes={episodes}: expected at least 1.")
    games = list(_games(data_dir))
    remembered = _episodes(data_dir, games, episodes)
    past = {episode.id for episode in remembered}
    parts = {
        name: tuple(game.task() for game in games if game.split == name and game.path not in past)
        for name in ("valid_seen", "valid_unseen", "valid_train", "train")
    }
    training = parts["valid_train"] or parts["train"]
    shelf = _Shelf(data_dir)
    return Benchmark(
        name="alfworld",
        episodes=remembered,
        validation=parts["valid_seen"] if test == "unseen" else training,
        test=parts["valid_unseen"] if test == "unseen" else parts["valid_seen"],
        metric="reward",
        environment=lambda task: _open(shelf, task),
        max_steps=MAX_STEPS,
        version=f"1-{test}-{len(remembered)}",
        card={**CARD, "size": f"{len(games)} solvable games; {len(remembered)} expert runs to remember"},
    )


@dataclass(frozen=True)
class _Game:
    """A game that can be won. Its walkthrough is gold, but for training games that are episodes."""

    path: str
    split: str
    sort: str
    goal: str
    walkthrough: tuple[str, ...]

    def task(self) -> Task:
        """To be acted out."""
        return Task(
            id=self.path, question=f"{_GOAL}{self.goal}", category=self.sort, world={"game": self.path}
        )

    def episode(self) -> Episode:
        """What was done to win it."""
        done = "\n".join(f"> {command}" for command in self.walkthrough)
        return Episode(id=self.path, text=f"{_GOAL}{self.goal}\n{done}")


def _games(data_dir: Path) -> Iterator[_Game]:
    index, folder = data_dir / INDEX, data_dir / FOLDER
    if index.is_file():
        for row in rows_of(index):
            if row.flag("solvable"):
                steps = tuple(str(step) for step in row.value("walkthrough", list))
                path = row.text("gamefile").removeprefix(f"{FOLDER}/")
                yield _Game(path, row.text("split"), row.text("task_type"), row.text("goal"), steps)
        return
    files = sorted(folder.glob("*/*/*/game.tw-pddl"))
    if not files:
        raise _missing(data_dir)
    for file in files:
        row = json_object(file)
        if row.flag("solvable"):
            path = file.relative_to(folder)
            _, found, rest = row.text("grammar").partition(_GOAL)
            if not found:
                raise UsageError(f"{file}: its grammar has no goal; expected a line {_GOAL!r}.")
            goal = rest.partition('"')[0].removesuffix(".")
            steps = tuple(str(step) for step in row.value("walkthrough", list))
            yield _Game(path.as_posix(), path.parts[0], path.parts[1].partition("-")[0], goal, steps)


def _missing(data_dir: Path) -> UsageError:
    return UsageError(
        f"The benchmark 'alfworld' needs {INDEX} or the folder {FOLDER} with its games, and there is neither "
        f"in {data_dir}. Give: ALFWORLD_DATA={data_dir} alfworld-download (of the package alfworld). Or, "
        "where you have a copy, say where with --data-dir."
    )


def _episodes(data_dir: Path, games: Sequence[_Game], number: int) -> tuple[Episode, ...]:
    path = data_dir / TRANSCRIPTS
    if path.is_file():
        runs = json_object(path)
        found = [_run(name, runs.row(name)) for name in runs.fields]
    else:
        found = [game.episode() for game in games if game.split == "train"]
    if len(found) <= number:
        return tuple(found)
    drawn, _ = draw(
        found,
        number,
        key=lambda e: e.id,
        category=lambda e: e.id.split("/")[1].partition("-")[0],
        salt="alfworld",
    )
    return tuple(drawn)


def _run(name: str, row: Row) -> Episode:
    """A transcript as it is remembered: the goal first, commands behind a ``>``."""
    lines = [
        line.replace("ACTION: ", "> ", 1)
        if line.startswith("ACTION: ")
        else line.removeprefix("OBSERVATION: ")
        for line in row.text("trajectory").splitlines()
        if line.strip() and not line.startswith(_GOAL)
    ]
    return Episode(id=name, text="\n".join([f"{_GOAL}{row.text('goal')}", *lines]))


class _Shelf:
    """The texts of the games: from the folder, or from the archive of their split, read once. Thread-safe."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._archives: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()

    def text(self, path: str) -> str:
        """The file ``game.tw-pddl`` at ``path``."""
        file = self._data_dir / FOLDER / path
        if file.is_file():
            return file.read_text("utf-8")
        archive = self._data_dir / f"alfworld_{path.partition('/')[0]}.tar.xz"
        with self._lock:
            if archive.name not in self._archives:
                self._archives[archive.name] = _unpacked(archive)
            games = self._archives[archive.name]
        if path not in games:
            raise UsageError(f"The game {path} is in {INDEX}, but neither in {FOLDER} nor in {archive}.")
        return games[path].decode("utf-8")


def _unpacked(archive: Path) -> dict[str, bytes]:
    try:
        with tarfile.open(archive) as tar:
            members = ((m, tar.extractfile(m)) for m in tar if m.name.endswith("game.tw-pddl"))
            return {m.name.removeprefix(f"{FOLDER}/"): file.read() for m, file in members if file is not None}
    except (OSError, EOFError, tarfile.TarError) as error:
        raise UsageError(
            f"The games in {archive} cannot be read: {error}. Fetch the file again, or unpack the games into "
            f"{FOLDER} beside it."
        ) from error


def _open(shelf: _Shelf, task: Task) -> Environment:
    game = shelf.text(str(task.world["game"]))
    try:
        json.loads(game)
    except ValueError as error:
        raise UsageError(f"The game {task.id} is no JSON: {error}. Fetch the data again.") from error
    return ENGINE.play({"game": game})
