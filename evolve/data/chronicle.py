"""World of the chronicle benchmark: a circle of friends, what they tell each other, and the questions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from evolve.data.chronicle_parts import (
    NUMBER_WORDS,
    AskedFact,
    Material,
    TalkSession,
    ToldFact,
    Turn,
    capital,
    relative,
)
from evolve.records import Episode, Evidence, Task

PEOPLE = 5
"""People of a world."""
ASKED = {"single-fact": 9, "knowledge-update": 8, "temporal": 7, "counting": 4, "multi-hop": 8}
"""Questions of each category in a world, where it has that many."""
BEFORE_UPDATE = "before-update"
"""Category of a question that is asked, in a stream, before its fact changes."""


class ChronicleWorld:
    """A circle of people, what they tell each other, and the questions about it."""

    def __init__(self, id: str, people: Sequence[str], material: Material, sessions: int, rng: random.Random):
        self.id = id
        self.people = list(people)
        self.material = material
        self.rng = rng
        self._own_seed = rng.random()  # so that tasks() and episodes() may be called in any order
        self.sessions = self._calendar(sessions)
        self._asked: dict[str, list[AskedFact]] = {category: [] for category in ASKED}
        facts = {state["key"]: self._state(state) for state in self._some("state", 0.4)}
        for event in self._some("event", 0.28):
            self._event(event)
        for tally in self._some("tally", 0.12):
            self._tally(tally)
        for bridge in self._some("bridge", 0.16):
            self._bridge(bridge, facts)
        self._pairs(facts)

    def tasks(self) -> Iterator[Task]:
        """The questions, each category up to its number, in an order that depends on the seed only."""
        for number, (category, asked) in enumerate(self._drawn(), start=1):
            yield Task(
                id=f"{self.id}/q{number}",
                question=asked.question,
                answers=asked.answers,
                group=self.id,
                category=category,
                evidence=asked.evidence,
            )

    def stream(self) -> Iterator[Task]:
        """The questions of ``tasks``, each asked at some moment after its last gold turn.

        Of a fact that changes, every earlier value is asked for too, before the next one is told.
        """
        rng = random.Random(f"{self._own_seed} stream")
        places = {self._episode(number): number for number in range(len(self.sessions))}
        for task, (_, asked) in zip(self.tasks(), self._drawn(), strict=True):
            known = max(places[passage.episode] for passage in task.evidence)
            told = [number for _, number, _ in asked.earlier] + [known]
            for place, (value, number, evidence) in enumerate(asked.earlier):
                moment = rng.randrange(number, told[place + 1])
                yield task.model_copy(
                    update={
                        "id": f"{task.id}-{place + 1}",
                        "answers": (value,),
                        "category": BEFORE_UPDATE,
                        "evidence": evidence,
                        "after": self._episode(moment),
                    }
                )
            moment = rng.randrange(known, len(self.sessions))
            yield task.model_copy(update={"after": self._episode(moment)})

    def _drawn(self) -> Iterator[tuple[str, AskedFact]]:
        """Category and question, each category up to its number."""
        rng = random.Random(f"{self._own_seed} questions")
        for category, most in ASKED.items():
            asked = self._asked[category]
            for one in rng.sample(asked, min(most, len(asked))):
                yield category, one

    def episodes(self) -> Iterator[Episode]:
        """The sessions, in the order of time: greetings, what there is to tell among small talk, goodbyes."""
        rng = random.Random(f"{self._own_seed} talk")
        for number, session in enumerate(self.sessions):
            body = list(session.segments)
            length = rng.randint(12, 20)
            while sum(map(len, body)) < length:
                body.append(self._chat("chat", session, rng))
            rng.shuffle(body)
            body = [self._chat("open", session, rng), *body, self._chat("close", session, rng)]
            hour, minute = rng.randint(8, 22), rng.randint(0, 59)
            clock = f"{(hour - 1) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"
            lines = [
                f"Session {number + 1}, {clock} on {session.day.day} {session.day:%B}, {session.day.year}"
            ]
            lines += [f"{speaker}: {words}" for segment in body for speaker, words in segment]
            yield Episode(id=self._episode(number), text="\n".join(lines), group=self.id)

    def _episode(self, number: int) -> str:
        return f"{self.id}/session-{number + 1}"

    def _calendar(self, count: int) -> list[TalkSession]:
        """Days in a row, and who is there: those who were there least often come first."""
        day = date(2021, 1, 1) + timedelta(days=self.rng.randrange(1000))
        seen = dict.fromkeys(self.people, 0)
        calendar = []
        for _ in range(count):
            rare = sorted(self.people, key=lambda name: (seen[name], self.rng.random()))[:4]
            present = self.rng.sample(rare, self.rng.choice((2, 2, 3)))
            for name in present:
                seen[name] += 1
            calendar.append(TalkSession(day, present))
            day += timedelta(days=self.rng.randint(4, 13))
        return calendar

    def _some(self, kind: str, per_session: float) -> list[Material]:
        """Return as many entries of the material as suit the length of the chronicle."""
        pool = self.material[kind]
        return self.rng.sample(pool, min(len(pool), max(2, round(per_session * len(self.sessions)))))

    def _with(self, person: str, count: int = 1) -> list[int]:
        """Numbers of up to ``count`` sessions where ``person`` is, in the order of time."""
        fit = [number for number, session in enumerate(self.sessions) if person in session.present]
        return sorted(self.rng.sample(fit, min(count, len(fit))))

    def _without(self, *people: str) -> int:
        """Number of a session where none of ``people`` is."""
        return self.rng.choice(
            [number for number, session in enumerate(self.sessions) if not {*people} & {*session.present}]
        )

    def _tell(self, number: int, exchange: str, a: str = "", **fill: str) -> tuple[Evidence, ...]:
        """Have ``exchange`` in session ``number`` with ``a`` in the role A; the marked turns come back."""
        session = self.sessions[number]
        others = [name for name in session.present if name != a]
        self.rng.shuffle(others)
        roles = {"A": a, "B": others[0], "C": others[-1]}
        segment: list[Turn] = []
        marked: list[Evidence] = []
        for part in exchange.split(" | "):
            role, _, words = part.partition(": ")
            words = capital(words.format(A=a, **fill))
            speaker = roles[role.rstrip("!")]
            if not segment and role == "A!" and self.rng.random() < 0.4:
                words = f"{self.rng.choice(self.material['hook'])} {words}"
            segment.append((speaker, words))
            if role.endswith("!"):
                marked.append(Evidence(episode=self._episode(number), text=f"{speaker}: {words}"))
        session.segments.append(segment)
        return tuple(marked)

    def _ask(
        self,
        category: str,
        question: str,
        answers: Sequence[str],
        evidence: Sequence[Evidence],
        earlier: Sequence[ToldFact] = (),
    ) -> None:
        values = tuple((fact.value, fact.session, fact.evidence) for fact in earlier)
        self._asked[category].append(AskedFact(question, tuple(answers), tuple(evidence), values))

    def _state(self, state: Material) -> dict[str, ToldFact]:
        """Tell ``state`` of several people, change it for some, and say around it what tells nothing."""
        rng = self.rng
        people = rng.sample(self.people, min(PEOPLE, len(state["say"])))
        values = rng.sample(state["values"], len(state["values"]))
        changes = rng.sample(state["change"], len(state["change"]))
        back = list(state.get("back", ()))
        facts = {}
        for person, opening in zip(people, rng.sample(state["say"], len(people)), strict=True):
            exchanges, said = [opening], [values.pop()]
            if changes:
                exchanges.append(changes.pop())
                said.append(values.pop())
                if back and rng.random() < 0.5:
                    exchanges.append(back.pop())
                    said.append(said[0])
            numbers = self._with(person, count=len(exchanges))
            told_so_far: list[ToldFact] = []
            for number, exchange, value in zip(numbers, exchanges, said, strict=False):
                told = self._tell(number, exchange, person, v=value)
                told_so_far.append(ToldFact(value, told, changed=exchange != opening, session=number))
            fact = facts[person] = told_so_far[-1]
            category = "knowledge-update" if fact.changed else "single-fact"
            question = rng.choice(state["ask"]).format(A=person)
            self._ask(category, question, [fact.value], fact.evidence, told_so_far[:-1])
            if rng.random() < 0.5:
                self._tell(self._with(person)[0], rng.choice(state["follow"]), person)
            wrong = rng.choice([value for value in state["values"] if value not in said])
            if rng.random() < 0.5:
                self._tell(self._without(person), rng.choice(state["rumour"]), person, v=wrong)
        self._tell(
            rng.randrange(len(self.sessions)), rng.choice(state["aside"]), v=rng.choice(state["values"])
        )
        return facts

    def _event(self, event: Material) -> None:
        """Tell when ``event`` happened to several people, and something like it without a date."""
        people = self.rng.sample(self.people, len(event["say"]))
        for person, exchange in zip(people, event["say"], strict=True):
            [number] = self._with(person)
            phrase, day = relative(self.sessions[number].day, self.rng)
            told = self._tell(number, exchange, person, when=phrase)
            dates = (f"{day.day} {day:%B} {day.year}", f"{day:%B} {day.day}, {day.year}")
            self._ask("temporal", event["ask"].format(A=person), dates, told)
        for exchange in event["aside"]:
            person = self.rng.choice(self.people)
            about_others = exchange.startswith("B")
            self._tell(self._without(person) if about_others else self._with(person)[0], exchange, person)

    def _tally(self, tally: Material) -> None:
        """Spread things that add up over the sessions of two people; what came to nothing does not count."""
        values = self.rng.sample(tally["values"], len(tally["values"]))
        for place, person in enumerate(self.rng.sample(self.people, 2)):
            numbers = self._with(person, count=self.rng.randint(2, 4))
            told: list[Evidence] = []
            things: list[str] = []
            for number, exchange in zip(
                numbers, self.rng.sample(tally["say"], len(tally["say"])), strict=False
            ):
                things.append(values.pop())
                told.extend(self._tell(number, exchange, person, v=things[-1]))
            if place == 0 or self.rng.random() < 0.4:
                count = str(len(things))
                self._ask(
                    "counting", tally["count"].format(A=person), [count, NUMBER_WORDS[len(things)]], told
                )
            else:
                self._ask("multi-hop", tally["list"].format(A=person), [", ".join(things)], told)
            self._tell(self._with(person)[0], tally["miss"][place], person, v=values.pop())
        self._tell(
            self.rng.randrange(len(self.sessions)), tally["aside"][0], v=self.rng.choice(tally["values"])
        )

    def _bridge(self, bridge: Material, facts: dict[str, dict[str, ToldFact]]) -> None:
        """Tell of a deed, and ask about its doer without the name."""
        teller, doer = self.rng.sample(self.people, 2)
        fit = [
            n for n in self._with(teller, count=len(self.sessions)) if doer not in self.sessions[n].present
        ]
        known = [state for state in self.material["state"] if doer in facts.get(state["key"], {})]
        if not fit or not known:
            return
        told = self._tell(self.rng.choice(fit), self.rng.choice(bridge["say"]), teller, N=doer)
        state = self.rng.choice(known)
        fact = facts[state["key"]][doer]
        question = state["ask"][0].format(A=bridge["who"].format(A=teller))
        self._ask("multi-hop", question, [fact.value], [*told, *fact.evidence])

    def _pairs(self, facts: dict[str, dict[str, ToldFact]]) -> None:
        """Two questions about two people at once."""
        for state in self.rng.sample([s for s in self.material["state"] if s["key"] in facts], 2):
            known = facts[state["key"]]
            a, b = self.rng.sample(sorted(known), 2)
            answer = f"{known[a].value} and {known[b].value}"
            evidence = [*known[a].evidence, *known[b].evidence]
            self._ask("multi-hop", state["pair"].format(A=a, B=b), [answer], evidence)

    def _chat(self, kind: str, session: TalkSession, rng: random.Random) -> list[Turn]:
        a, b = rng.sample(session.present, 2)
        fill = {slot: rng.choice(words) for slot, words in self.material["fill"].items()}
        parts = (part.partition(": ") for part in rng.choice(self.material[kind]).split(" | "))
        return [({"A": a, "B": b}[role], capital(words.format(A=a, B=b, **fill))) for role, _, words in parts]
