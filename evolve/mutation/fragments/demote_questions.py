"""Prefer statements: a line that only asks something seldom holds the answer."""

KNOBS = {"question_penalty": (0.2, 0.0, 0.8)}


class KnowledgeBase:
    def __init__(self, toolkit):
        self.questions = set()

    def _index(self, fresh):
        self.questions.update(p["number"] for p in fresh if p["text"].rstrip().endswith("?"))

    def read(self, query):
        scores = self._demote_questions(scores)

    def _demote_questions(self, scores):
        """Lower the scores of passages that end in a question mark."""
        asked, left = self.questions, 1.0 - knob("question_penalty")
        return {number: score * left if number in asked else score for number, score in scores.items()}
