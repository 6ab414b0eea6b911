"""HyMem: summaries answer easy questions; raw text is searched, and reflected on, for complex ones only.

After HyMem (Zhao, Wang, Zhang, Yao and Wang, 2026, arXiv 2602.13933). Memory has two granularities: short
summaries of events, and the text that each is linked to. The light tier builds its context of summaries
alone. The deep tier is woken for complex questions: a model chooses among many summaries, those whose texts
are to be read, answers from these texts, and reflects on the answer; where it is not good enough, it asks
again in other words.

Simplified: one summary for an episode. The deep tier chooses among passages of the texts, not among
summaries, since whole texts do not fit into what a read may return. Whether a question is complex is
decided by rule, not by a model that tries to answer from summaries first: it has several parts, it compares
or aggregates, or no summary is like it. Reflection goes one round, since a read may ask the model once:
what its reply says is missing is looked up without asking again. Without an understandable reply the
passages most similar to the parts of the question are returned.
"""

import re
from dataclasses import dataclass, field

INSTRUCTION_KNOWLEDGE_ITEM = (
    "Summarise the episode in up to six sentences that keep every name, date, number and decision."
)
INSTRUCTION_QUERY = (
    "Repeat the question, then split it: list the separate questions that must be answered first. One "
    "that needs a single fact is its own only part."
)
INSTRUCTION_RESPONSE = (
    "You are shown summaries, and for harder questions passages as well; passages are exact where they "
    "differ. Answer in as few words as possible."
)
ALWAYS_ON_KNOWLEDGE = ""

KNOBS = {
    "light_summaries": (3, 1, 8),
    "deep_passages": (40, 8, 60),
    "missing_passages": (6, 0, 20),
    "complex_below_similarity": (0.18, 0.0, 0.9),
    "passage_characters": (400, 150, 1200),
    "deep_share": (0.8, 0.3, 1.0),
}

REFLECT = """\
Choose the passages that are needed to answer the question, the most important ones first, and reflect on
whether they suffice. Reply with two lines in this form:
USE: <numbers of passages, separated by commas>
MISSING: <what else must be looked up, in one sentence, or the word nothing>

Summaries:
{summaries}

Passages:
{passages}

Question: {question}"""

USE = re.compile(r"^[^\w\n]*USE[^\w\n]*:((?:[^\w\n]*\d{1,6})+)", re.MULTILINE)
MISSING = re.compile(r"^[^\w\n]*MISSING[^\w\n]*:([^\n<]+)", re.MULTILINE)
AGGREGATES = re.compile(
    r"\b(?:both|all|each|every|common|compare[ds]?|difference|how (?:many|often|much)|total|altogether|most"
    r"|least|before|after|since|between|first|last|still|why|would|likely)\b",
    re.IGNORECASE,
)


@dataclass
class KnowledgeItem:
    summary: str = field(metadata={"description": "The episode in up to six sentences"})


@dataclass
class Query:
    question: str = field(metadata={"description": "The question"})
    parts: list[str] = field(metadata={"description": "The questions to be answered first, one each"})


def knob(name):
    return KNOBS[name][0]


class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.summaries = []
        self.passages = []  # (heading, text)

    def write(self, item, raw_text):
        text = raw_text.strip()
        if not text:
            return
        heading, _, body = text.partition("\n")
        if not body or len(heading) > 100:
            heading, body = "", text
        summary = (item.summary.strip() or text)[:1500]
        self.summaries.append(summary if heading and heading in summary else f"{heading}\n{summary}".strip())
        size = knob("passage_characters")
        fresh = [
            line[at : at + size] for line in body.split("\n") for at in range(0, len(line.strip()), size)
        ]
        keys = [
            ("summary", len(self.summaries) - 1),
            *(("raw", len(self.passages) + n) for n in range(len(fresh))),
        ]
        self.passages.extend((heading, line) for line in fresh)
        self.toolkit.vectors.add(keys, self.toolkit.embed([self.summaries[-1], *fresh]))

    def read(self, query):
        similar = self._search(query.question)
        light = [(n, score) for (kind, n), score in similar if kind == "summary"][: knob("light_summaries")]
        if not light:
            return ""
        deep = self._is_complex(query, light[0][1])
        self.toolkit.logger.debug(f"{'deep' if deep else 'light'} tier")
        summaries = [self.summaries[n] for n, _ in light]
        return self._deep(query, similar, summaries) if deep else self._join(summaries, 3000)

    def _search(self, text):
        return self.toolkit.vectors.search(self.toolkit.embed([text])[0], len(self.toolkit.vectors))

    @staticmethod
    def _is_complex(query, similarity):
        several = len({part.strip().lower() for part in query.parts if part.strip()}) > 1
        return (
            several
            or bool(AGGREGATES.search(query.question))
            or similarity < knob("complex_below_similarity")
        )

    def _deep(self, query, similar, summaries):
        """Passages chosen among those most similar to the question and to its parts, then summaries."""
        best = {n: score for (kind, n), score in similar if kind == "raw"}
        for part in dict.fromkeys(query.parts[:6]):
            for (kind, n), score in self._search(part) if part.strip() else []:
                if kind == "raw":
                    best[n] = max(best[n], score)
        candidates = sorted(best, key=lambda n: (-best[n], n))[: knob("deep_passages")]
        chosen = self._reflect(query.question, candidates, summaries)
        passages = self._join([self._text(n) for n in chosen], int(3000 * knob("deep_share")))
        rest = self._join(summaries, 3000 - len(passages) - 2)
        return f"{passages}\n\n{rest}".strip()

    def _reflect(self, question, candidates, summaries):
        """The candidates that the model would use, then those for what it found missing, then the others."""
        prompt = REFLECT.format(
            summaries="\n".join(summaries),
            passages="\n".join(f"{i}. {self._text(n)}" for i, n in enumerate(candidates, 1)),
            question=" ".join(question.split())[:1000],
        )
        reply = self.toolkit.llm_completion([{"role": "user", "content": prompt}])
        use, missing = USE.search(reply), MISSING.search(reply)
        numbers = [int(number) - 1 for number in re.findall(r"\d+", use[1])] if use else []
        chosen = [candidates[n] for n in numbers if 0 <= n < len(candidates)]
        if missing and len(missing[1].strip(" .*")) > 3 and missing[1].strip(" .*").lower() != "nothing":
            found = [n for (kind, n), _ in self._search(missing[1]) if kind == "raw" and n not in chosen]
            chosen += found[: knob("missing_passages")]
        return list(dict.fromkeys([*chosen, *candidates]))

    def _text(self, number):
        heading, text = self.passages[number]
        return f"[{heading}] {text}" if heading else text

    @staticmethod
    def _join(texts, budget):
        """The leading texts; the first one that does not fit is cut at a line, and ends it."""
        kept = []
        for text in texts:
            if len(text) > budget:
                kept.append(text[: max(budget, 0)].rpartition("\n")[0])
                break
            kept.append(text)
            budget -= len(text) + 1
        return "\n".join(text for text in kept if text)
