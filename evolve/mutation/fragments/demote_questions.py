"""Prefer statements: a line that only asks something seldom holds the answer."""

KNOBS = {"question_penalty": (0.2, 0.0, 0.8)}


class KnowledgeBase:
    def read(self, query):
        scores = self._demote_questions(scores)

    def _demote_questions(self, scores):
        """Lower the scores of passages that end in a question mark."""
        return {
            number: score
            * (
                1.0 - knob("question_penalty")
                if self.passages[number]["text"].rstrip().endswith("?")
                else 1.0
            )
            for number, score in scores.items()
        }
