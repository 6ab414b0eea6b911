"""Ask for the people: the agent lists whom the question is about, and passages that name them weigh more."""

from dataclasses import field

KNOBS = {"people_factor": (1.2, 1.0, 2.5)}


class Query:
    people: list[str] = field(
        default_factory=list, metadata={"description": "Names of the people that the question is about"}
    )


class KnowledgeBase:
    def read(self, query):
        scores = self._favour_people(query.people, scores)

    def _favour_people(self, people, scores):
        """Multiply the scores of passages that mention one of the people."""
        names = [name for name in people or [] if name]
        return {
            number: score * (knob("people_factor") if self._mentions(number, names) else 1.0)
            for number, score in scores.items()
        }

    def _mentions(self, number, names):
        return any(name in self.passages[number]["text"] for name in names)
