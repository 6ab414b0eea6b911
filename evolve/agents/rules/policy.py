"""Rule-based policy for the next command: the ones that goal and memory support, else those that may reveal
something new.

What it knows of the world is the English of text adventures: verbs that show, move, undo or change things.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from evolve.agents.rules.precedent import possible, precedent
from evolve.agents.rules.scenes import (
    CHANGES,
    CHANGING,
    COMMITTING,
    PLACING,
    SHOWING,
    TAKING,
    UNDOING,
    errand_of,
    object_of,
    things_in,
    verb_of,
)
from evolve.agents.rules.wayfinding import OPENING, Wayfinder
from evolve.environment import Observation
from evolve.models.offline import inverse_frequency, split_passages, terms

LOOK = "look"
"""Fallback command when no other is known."""
COMMAND_WORDS = 8
"""Most words of a memory passage that may be a noted command."""
CURIOSITY = 0.1
"""Score of a command that may reveal something new."""
NEXT = 0.2
"""Score of a command that the memory has right after those that were just followed."""
PLANNED = 3.0
"""Score of the next command of a past run with a similar goal; less for each step left out."""
WAY = 4.0
"""Score of a command that leads to where the wanted thing was seen."""
SEARCH = 3.0
"""Score of a command that leads to where the thing may be, while its place is unknown."""
DOWN = 5.0
"""Score of a command that puts down what was taken for an earlier goal."""
FRESH = 1.5
"""Factor on the score of a command that the last step made possible."""
HELD_BACK = 0.05
"""Factor on the value of a command that would undo something, or comes too early."""


class Policy:
    """Values of the possible commands of one episode, learnt from their results. Deterministic.

    The value of a command is the sum of

    - the share of the goal's words that it has, rare words counting more;
    - the best passage of the memory that supports it: the share of the goal in the passage, times the share
      of the command in it (so "the apple is in drawer 3" supports "go to drawer 3" if an apple is wanted);
    - ``NEXT`` if it comes next in the memory's own sequence of commands;
    - ``CURIOSITY`` if its verb shows things,

    times ``FRESH`` if the last step made it possible, divided by (1 + n)², where n grows whenever it is made,
    and more where that led nowhere new. In the same way words of the goal and passages that were acted on
    count less, so that the rest of the goal gains weight; after a change that the goal mentions, all count in
    full again. The memory is asked only for the next thing: once a thing was taken, how it can be changed,
    then where it is to go. Held back are commands that undo the agent's own work or cannot be undone, that
    take a thing the goal does not name, or that put down one that is to be changed first.

    Two bonuses outweigh these. Where the memory has only the commands of past runs, the next command of the
    run with the most similar goal (``precedent``) gets ``PLANNED``, divided by 1 + the steps left out for it.
    In a world whose places have names and directions, a command that leads to the thing to be brought, and
    then to where it belongs (``wayfinding``), gets ``WAY`` or ``SEARCH``, less each time it was followed in
    vain. There, nothing is put down in a place that the goal does not name.

    Args:
        goal: the goal.
        memory: the agent's knowledge.
    """

    def __init__(self, goal: str, memory: str) -> None:
        self._said = goal
        self._log: list[tuple[str, Observation]] = []
        said = terms(goal)
        self._goal = (said | {CHANGES[term] for term in said & CHANGES.keys()}) - PLACING
        self._to_change = self._goal & CHANGING
        self._sought = set(self._goal)
        passages = split_passages(memory)
        self._passages = [terms(passage) for passage in passages]
        self._rarity = inverse_frequency(self._passages)
        self._best = max(map(self._shared, self._passages), default=0.0) or 1.0
        self._noted = noted_commands(memory)
        self._followed = 0
        self._plan = self._first_plan = precedent(goal, memory)
        self._meant, self._meant_at = "", 0
        things, self._target = errand_of(goal)
        self._things = things & self._goal
        self._wayfinder = Wayfinder(memory)
        self._shown: Counter[tuple[str, str, frozenset[str]]] = Counter()
        self._known: dict[str, frozenset[str]] = {}
        self._worn: defaultdict[str, float] = defaultdict(float)
        self._used: Counter[str] = Counter()
        self._drawn_on: Counter[int] = Counter()
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._standing: dict[frozenset[str], str] = {}
        self._before: frozenset[str] = frozenset()
        self._in_the_way: frozenset[str] = frozenset()

    def choose(self, commands: Sequence[str]) -> str:
        """The command of the highest value; of equals the first.

        Where the environment lists no commands, those noted in the memory are tried in their order, each as
        often as it is noted, then ``LOOK``.
        """
        if not commands:
            return self._noted[self._followed] if self._followed < len(self._noted) else LOOK
        for command in commands:
            self._known.setdefault(command, things_in(command))
        weight = inverse_frequency(list(self._known.values()))
        following = self._next(commands)
        values = [self._value(command, weight, following) for command in commands]
        planned, left_out = self._planned(commands)
        if planned:
            values[commands.index(planned)] += PLANNED / (1 + left_out)
        for command, worth in self._ways(commands).items():
            values[commands.index(command)] += worth
        chosen = commands[max(range(len(commands)), key=lambda n: (round(values[n], 9), -n))]
        speaker = self._speaker(self._known[chosen], weight)
        if speaker is not None:
            self._drawn_on[speaker] += 1
        self._before = frozenset(commands)
        return chosen

    def observe(self, command: str, observation: Observation) -> None:
        """Record the result of ``command``; an empty command means the beginning of the episode."""
        self._log.append((command, observation))
        situation = (observation.text, observation.commands)
        self._wayfinder.observe(command, observation.text, observation.commands)
        if command:
            self._made(command, new=situation not in self._seen)
        self._seen.add(situation)

    def renewed(self, goal: str, memory: str) -> Policy:
        """Return a policy for another goal or another memory that has seen all that this one has.

        What was taken for the earlier goal, and is no part of the new one, is put down first.
        """
        other = Policy(goal, memory)
        for command, observation in self._log:
            other.observe(command, observation)
        other._known, other._before = self._known, self._before
        if goal != self._said:
            other._in_the_way = self._in_hand() - other._goal
            return other
        other._shown, other._in_the_way = self._shown, self._in_the_way
        if other._plan == self._first_plan:
            other._plan, other._meant, other._meant_at = self._plan, self._meant, self._meant_at
        for number, passage in enumerate(other._passages):
            if passage in self._passages:
                other._drawn_on[number] = self._drawn_on[self._passages.index(passage)]
        return other

    def _in_hand(self) -> frozenset[str]:
        """The stems of what was taken and not put down again."""
        held: frozenset[str] = frozenset()
        for command, _ in self._log:
            if verb_of(command) in TAKING:
                held |= object_of(command)
            elif verb_of(command) in PLACING:
                held -= object_of(command)
        return held

    def _made(self, command: str, *, new: bool) -> None:
        verb, about = verb_of(command), things_in(command) & self._goal
        if verb in PLACING:
            self._in_the_way -= object_of(command)
        self._worn[command] += 0.5 if new else 1.5
        self._standing[things_in(command)] = verb
        if new and verb in self._to_change:
            self._to_change -= {verb}
            self._sought.discard(verb)
        if new and verb in TAKING:
            self._sought -= object_of(command)
        elif new and verb in PLACING:
            self._sought |= object_of(command) & self._goal
        if command == self._meant:
            self._plan = self._plan[self._meant_at + 1 :]
        if command.lower() in self._noted[self._followed :]:
            self._followed = self._noted.index(command.lower(), self._followed) + 1
        if new and about and verb not in SHOWING:
            self._used.clear()
            self._drawn_on.clear()
            self._worn = defaultdict(
                float, {c: worn for c, worn in self._worn.items() if verb_of(c) not in SHOWING}
            )
        else:
            self._used.update(about | ({verb} & self._goal))

    def _value(self, command: str, weight: Mapping[str, float], following: str) -> float:
        verb, own = verb_of(command), self._known[command]
        weight = {**weight, verb: max(weight.values(), default=0.0)}
        asked = {term: weight[term] for term in sorted(self._goal) if term in weight}
        shared = sum(asked[term] / (1 + self._used[term] / 2) for term in asked if term in own | {verb})
        value = shared / sum(asked.values()) if asked else 0.0
        speaker = self._speaker(own, weight)
        if speaker is not None:
            value += self._spoken(speaker, own, weight)
        value += NEXT * (command == following) + CURIOSITY * (verb in SHOWING)
        if self._before and command not in self._before:
            value *= FRESH
        if verb in PLACING and object_of(command) & self._in_the_way:
            value += DOWN
        if self._is_held_back(verb, command):
            value *= HELD_BACK
        return value / (1 + self._worn[command]) ** 2

    def _is_held_back(self, verb: str, command: str) -> bool:
        """Return whether the command undoes or cannot be undone, takes a thing that is not asked for, or puts
        down one that is not changed yet.
        """
        own = self._known[command]
        if verb in COMMITTING:
            return True
        if verb in UNDOING.get(self._standing.get(own, ""), ()):
            return True
        if verb in TAKING:
            return not object_of(command) & self._goal
        if verb not in PLACING or not own & self._goal:
            return False
        return bool(self._to_change) or (bool(self._wayfinder.here) and not self._target <= own)

    def _speaker(self, own: frozenset[str], weight: Mapping[str, float]) -> int | None:
        """The passage that best supports a command about these words; of equals the last."""
        sought = self._next_sought
        numbers = [n for n, passage in enumerate(self._passages) if own & passage and sought & passage]
        return max(numbers, key=lambda n: (self._spoken(n, own, weight), n), default=None)

    def _spoken(self, number: int, own: frozenset[str], weight: Mapping[str, float]) -> float:
        passage = self._passages[number]
        share = sum(weight[term] for term in sorted(own & passage)) / sum(weight[t] for t in sorted(own))
        return self._shared(passage) / self._best * share / (1 + self._drawn_on[number])

    def _shared(self, passage: frozenset[str]) -> float:
        """The summed rarity of the words sought next that are in ``passage``."""
        return sum(self._rarity[term] for term in sorted(self._next_sought & passage))

    @property
    def _next_sought(self) -> frozenset[str] | set[str]:
        taken = self._sought < self._goal
        return self._to_change if taken and self._to_change else self._sought

    def _planned(self, commands: Sequence[str]) -> tuple[str, int]:
        """The first step of the plan that is possible, and how many before it are not.

        Steps after the taking of the wanted thing are no candidates before it could be taken.
        """
        self._meant, self._meant_at = "", 0
        for number, step in enumerate(self._plan):
            found = possible(step, commands)
            if found:
                self._meant, self._meant_at = found, number
                break
            if verb_of(step) in TAKING and object_of(step) & self._sought:
                break
        return self._meant, self._meant_at

    def _ways(self, commands: Sequence[str]) -> dict[str, float]:
        """Return the commands that advance the goal, with their scores; empty where there is no map."""
        here = self._wayfinder.here
        fetched = not self._things <= self._sought
        if not here or not self._things or (fetched and self._to_change):
            return {}
        wanted = self._target if fetched else self._things
        advised, seen = [command for command in commands if self._completes(command, fetched)], True
        if not advised:
            advised, seen = self._wayfinder.advice(wanted, commands, hidden=not fetched)
        worth = {}
        for command in advised:
            worth[command] = (WAY if seen else SEARCH) / (1 + self._shown[here, command, wanted])
            self._shown[here, command, wanted] += 1
        return worth

    def _completes(self, command: str, fetched: bool) -> bool:
        """Return whether the command takes the thing to be brought or, once that is done, puts it where it
        belongs or opens that place.
        """
        verb = verb_of(command)
        if not fetched:
            return verb in TAKING and self._things <= object_of(command)
        if verb in PLACING:
            return self._things <= object_of(command) and self._target <= things_in(command)
        return verb == OPENING and bool(self._target) and self._target <= things_in(command)

    def _next(self, commands: Sequence[str]) -> str:
        """The command that the memory notes next, of those that are possible."""
        possible = {command.lower(): command for command in commands}
        for noted in self._noted[self._followed :]:
            if noted in possible:
                return possible[noted]
        return ""


def noted_commands(memory: str) -> list[str]:
    """The commands that ``memory`` notes, in lower case, in their order, repeats kept.

    Those are its lines that begin with ">", as in a transcript; without any, those that are short enough.
    """
    passages = split_passages(memory)
    said = [passage.lstrip("> ").lower().rstrip(".") for passage in passages if passage.startswith(">")]
    if said:
        return said
    lines = (passage.lstrip("-* ").rstrip(".").lower() for passage in passages)
    return [line for line in lines if 0 < len(line.split()) <= COMMAND_WORDS]
