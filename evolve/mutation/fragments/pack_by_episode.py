"""Tell the story in order: the best passages that fit, under one heading an episode, in the order of time."""

KNOBS = {"budget_characters": (3000, 600, 3000)}


class KnowledgeBase:
    def _pack(self, scores):
        """Choose the best passages that fit, then print them by episode and in their order."""
        chosen, headings, left = [], set(), knob("budget_characters")
        for number in sorted(sorted(scores), key=scores.get, reverse=True):
            passage = self.passages[number]
            price = len(passage["text"]) + 1
            if passage["episode"] not in headings:
                price += len(passage["heading"]) + 1
            if price < left:
                chosen.append(number)
                headings.add(passage["episode"])
                left -= price
        lines, current = [], None
        for number in sorted(chosen):
            passage = self.passages[number]
            if passage["episode"] != current:
                current = passage["episode"]
                lines.append(passage["heading"])
            lines.append(passage["text"])
        return "\n".join(lines)
