"""Keep exchanges together: a passage is a few lines in a row, under one heading an episode."""

KNOBS = {"lines_per_passage": (2, 1, 6)}


class KnowledgeBase:
    def _split(self, text):
        """Cut the text into runs of whole lines."""
        size = knob("lines_per_passage")
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return ["\n".join(lines[start : start + size]) for start in range(0, len(lines), size)]
