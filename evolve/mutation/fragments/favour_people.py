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
        passages, factor = self.passages, knob("people_factor")
        named = {n for name in people or [] if name for n in scores if name in passages[n]["text"]}
        return {number: score * factor if number in named else score for number, score in scores.items()}
