"""Keep every turn apart: a passage is one line, under one heading an episode."""

KNOBS = {"line_characters": (600, 150, 1500)}


class KnowledgeBase:
    def _split(self, text):
        """Cut the text into lines; a longer line is cut into pieces."""
        size = knob("line_characters")
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        return [line[start : start + size] for line in lines for start in range(0, len(line), size)]
