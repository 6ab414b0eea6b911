"""Keep the raw text: every line is stored as it was said and searched by its words; nothing is lost."""

from dataclasses import field


def knob(name):
    return KNOBS[name][0]


class Query:
    question: str = field(default="", metadata={"description": "The question to answer, in full"})


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.passages = []

    def write(self, item, raw_text):
        self._keep(raw_text)

    def read(self, query):
        question = query.question
        scores = {}
        return self._pack(scores)

    def _keep(self, raw_text):
        """Store the lines of an episode under its heading."""
        episode = self.passages[-1]["episode"] + 1 if self.passages else 0
        heading, _, body = raw_text.partition("\n")
        if not body or len(heading) > 100:  # no heading, but text from the first line on
            heading, body = "", raw_text
        start = len(self.passages)
        fresh = [
            {"number": start + n, "episode": episode, "heading": heading, "text": text}
            for n, text in enumerate(self._split(body))
        ]
        self.passages.extend(fresh)
        self._index(fresh)

    def _fuse(self, scores, found, weight):
        """Add the scores found by one signal, scaled so that its best passage counts ``weight``."""
        best = max(found.values(), default=0.0)
        if best <= 0.0:
            return scores
        fused = dict(scores)
        for number, score in found.items():
            fused[number] = fused.get(number, 0.0) + weight * score / best
        return fused
