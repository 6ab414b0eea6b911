"""Task subsets that programs are scored on, with their episodes, and the work on one memory of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evolve.benchmark import Benchmark, part_of
from evolve.errors import UsageError
from evolve.evaluation.representatives import facility_location, representatives, steady
from evolve.models.embeddings import Embedder
from evolve.records import Episode, Task

SMOKE_TASKS = 2
SMOKE_EPISODES = 2


@dataclass(frozen=True)
class Subset:
    """Tasks to ask and the episodes to remember for them, both in the benchmark's order."""

    name: str
    tasks: tuple[Task, ...]
    episodes: tuple[Episode, ...]


class Subsets:
    """Sampler of subsets of one benchmark; the same arguments always give the same ones. Thread-safe.

    Args:
        benchmark: source of tasks and episodes.
        embedder: embeds questions, and whole episodes where ``episode_ratio`` is given.
        static: tasks of the fitness set; all of validation where it has fewer.
        rotating: tasks of each reflection minibatch; 0 to learn from the static one.
        test: tasks of the test subset, drawn evenly, possibly none; None for all that there are.
        episode_ratio: episodes per task of a validation subset, chosen by facility location (in grouped scope
            within each group); None for all episodes (of the groups asked about).
        rotating_groups: in grouped scope, number of groups a reflection minibatch asks about: few, since each
            is a memory to fill. More are drawn only where these have fewer than ``rotating`` tasks.
        kmeans_starts: runs of k-means, of which the best chooses the tasks.
        seed: random seed of the k-means starts, and of the groups and test tasks drawn.

    Raises:
        UsageError: a size is not positive.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        embedder: Embedder,
        *,
        static: int,
        rotating: int,
        episode_ratio: float | None,
        test: int | None = None,
        rotating_groups: int = 2,
        kmeans_starts: int = 10,
        seed: int,
    ) -> None:
        if rotating < 0:
            raise UsageError(f"rotating is {rotating}; expected 0 or more.")
        sizes = {"static": static, "rotating_groups": rotating_groups, "kmeans_starts": kmeans_starts}
        for name, size in sizes.items():
            if size < 1:
                raise UsageError(f"{name} is {size}; expected at least 1.")
        if episode_ratio is not None and not episode_ratio > 0:
            raise UsageError(f"episode_ratio is {episode_ratio}; expected a positive number or none.")
        self._benchmark = benchmark
        self._embedder = embedder
        self._rotating = rotating
        self._rotating_groups = rotating_groups
        self._ratio = episode_ratio
        self._test = test
        self._starts = kmeans_starts
        self._seed = seed
        self._drawn: dict[int, Subset] = {}
        tasks = benchmark.validation
        self._questions = _vectors(embedder, [task.question for task in tasks])
        self._static = self._chosen(range(len(tasks)), static, self._rng("static"))

    @cached_property
    def static(self) -> Subset:
        """Fixed validation tasks that give fitness."""
        return self._subset("static", self._static)

    @cached_property
    def memories(self) -> Mapping[str, str]:
        """Static task → group of its memory; empty in pooled scope."""
        if self._benchmark.scope == "pooled":
            return {}
        return {task.id: task.group for task in self.static.tasks}

    @cached_property
    def benchmarks(self) -> Mapping[str, str]:
        """Static task → name of its benchmark, where several are joined; else empty."""
        if not self._benchmark.parts:
            return {}
        return {task.id: part_of(task.id) for task in self.static.tasks}

    @cached_property
    def test(self) -> Subset:
        """Test tasks with all their episodes, whatever the ratio; empty if there are to be none.

        Of several benchmarks each gives the same number, as many as the one with the fewest has.
        """
        tasks = self._benchmark.test
        places = self._by_part(range(len(tasks)), tasks)
        fewest = min(map(len, places))
        count = len(tasks) if self._test is None else self._test
        shares = _shares(count, [fewest] * len(places))
        if sum(shares) < len(tasks):
            rng = self._rng("test")
            drawn = [
                own[i] for own, n in zip(places, shares, strict=True) for i in rng.choice(len(own), n, False)
            ]
            tasks = tuple(tasks[place] for place in sorted(drawn))
        return Subset("test", tasks, self._benchmark.of_groups({task.group for task in tasks}))

    @cached_property
    def smoke(self) -> Subset:
        """Smoke test: one or two static tasks of one group with a few of its episodes."""
        group = self.static.tasks[0].group
        pooled = self._benchmark.scope == "pooled"
        tasks = tuple(task for task in self.static.tasks if pooled or task.group == group)
        episodes = tuple(e for e in self.static.episodes if pooled or e.group == group)
        return Subset("smoke", tasks[:SMOKE_TASKS], episodes[:SMOKE_EPISODES])

    @cached_property
    def spare(self) -> tuple[Task, ...]:
        """Validation tasks that are not static; all of them where there is none."""
        static = set(self._static)
        every = self._benchmark.validation
        return tuple(task for place, task in enumerate(every) if place not in static) or every

    def among(self, name: str, tasks: Sequence[Task]) -> Subset:
        """Return a subset of the validation ``tasks``, with episodes as in every validation subset."""
        places = {task.id: place for place, task in enumerate(self._benchmark.validation)}
        return self._subset(name, sorted(places[task.id] for task in tasks))

    def rotating(self, number: int) -> Subset:
        """Return validation tasks to learn from, different for each ``number``; none of them static, if
        possible.

        The fitness set, if rotating ones are to have no tasks.
        """
        if not self._rotating:
            return self.static
        if number not in self._drawn:  # two threads may draw the same one at once
            self._drawn[number] = self._draw_rotating(number)
        return self._drawn[number]

    def _draw_rotating(self, number: int) -> Subset:
        static = set(self._static)
        every = range(len(self._benchmark.validation))
        pool = [index for index in every if index not in static]
        if len(pool) < self._rotating:
            pool = list(every)
        rng = self._rng(f"rotating-{number}")
        if self._benchmark.scope == "grouped":
            pool = self._of_few_groups(pool, rng)
        return self._subset(f"rotating-{number}", self._chosen(pool, self._rotating, rng))

    def _of_few_groups(self, pool: Sequence[int], rng: np.random.Generator) -> list[int]:
        """The tasks of randomly drawn groups: enough groups for both their number and that of the tasks."""
        tasks = self._benchmark.validation
        groups = sorted({tasks[index].group for index in pool})
        drawn: set[str] = set()
        kept: list[int] = []
        for place in rng.permutation(len(groups)):
            if len(drawn) >= self._rotating_groups and len(kept) >= self._rotating:
                break
            drawn.add(groups[place])
            kept = [index for index in pool if tasks[index].group in drawn]
        return kept

    def _chosen(self, pool: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
        """``count`` indices of ``pool``: those nearest to the k-means centroids of its questions; of several
        benchmarks, each gives the same number where it has enough.
        """
        parts = self._by_part(pool, self._benchmark.validation)
        chosen: list[int] = []
        for own, share in zip(parts, _shares(count, [len(part) for part in parts]), strict=True):
            questions = self._questions[own]
            chosen += [own[place] for place in representatives(questions, share, rng, starts=self._starts)]
        return chosen

    def _by_part(self, pool: Sequence[int], tasks: Sequence[Task]) -> list[list[int]]:
        """Return the indices of each benchmark's tasks; all in one list where there is one."""
        if not self._benchmark.parts:
            return [list(pool)]
        found: dict[str, list[int]] = {}
        for index in pool:
            found.setdefault(part_of(tasks[index].id), []).append(index)
        return list(found.values())

    def _subset(self, name: str, indices: Sequence[int]) -> Subset:
        tasks = tuple(self._benchmark.validation[index] for index in indices)
        episodes = self._benchmark.of_groups({task.group for task in tasks})
        if self._ratio is None:
            return Subset(name, tasks, episodes)
        kept = {task.after for task in tasks}  # they say when a task is asked
        if self._benchmark.scope == "pooled":
            kept |= {episode.id for episode in self._covering(indices, episodes)}
            return Subset(name, tasks, tuple(episode for episode in episodes if episode.id in kept))
        for group in {task.group for task in tasks}:
            mine = [index for index in indices if self._benchmark.validation[index].group == group]
            kept |= {episode.id for episode in self._covering(mine, self._benchmark.of_groups([group]))}
        return Subset(name, tasks, tuple(episode for episode in episodes if episode.id in kept))

    def _covering(self, indices: Sequence[int], episodes: Sequence[Episode]) -> tuple[Episode, ...]:
        """The ``ratio × tasks`` episodes that cover the questions best."""
        count = max(1, round((self._ratio or 0.0) * len(indices)))
        if count >= len(episodes):
            return tuple(episodes)
        rows = [self._episode_rows[episode.id] for episode in episodes]
        similarity = steady(self._questions[list(indices)] @ self._episode_vectors[rows].T, 1.0)
        return tuple(episodes[place] for place in sorted(facility_location(similarity, count)))

    @cached_property
    def _episode_vectors(self) -> np.ndarray:
        return _vectors(self._embedder, [episode.text for episode in self._benchmark.episodes])

    @cached_property
    def _episode_rows(self) -> dict[str, int]:
        return {episode.id: row for row, episode in enumerate(self._benchmark.episodes)}

    def _rng(self, purpose: str) -> np.random.Generator:
        """Return a separate generator for each purpose, so that no draw depends on earlier ones."""
        digest = hashlib.sha256(f"{self._seed}/{purpose}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _shares(count: int, sizes: Sequence[int]) -> list[int]:
    """Split ``count`` as evenly as ``sizes`` allow; the first ones get what does not divide.

    >>> _shares(10, [9, 2, 9]), _shares(5, [3])
    ([4, 2, 4], [3])
    """
    shares = [0] * len(sizes)
    while sum(shares) < min(count, sum(sizes)):
        for place, size in enumerate(sizes):
            if shares[place] < size and sum(shares) < count:
                shares[place] += 1
    return shares


def _vectors(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    return np.asarray(embedder.embed(texts), dtype=np.float64)


@dataclass(frozen=True)
class MemoryBatch:
    """Work on one memory: the episodes to write, in order, and the blocks of tasks to ask.

    Attributes:
        group: group of the memory; empty for the one of pooled scope.
        episodes: in their order.
        blocks: in pooled scope there is an interim analysis after each of them.
        interim: in grouped scope, there is an interim analysis after this memory.
        stops: in an interleaved memory, number of episodes written before each block; empty: all of them
            before the first. An interleaved memory has at most one interim analysis, at its end: its tasks
            are asked in the order of time, which is no random order.
    """

    group: str
    episodes: tuple[Episode, ...]
    blocks: tuple[tuple[Task, ...], ...]
    interim: bool = True
    stops: tuple[int, ...] = ()
