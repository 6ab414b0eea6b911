from dataclasses import dataclass, field
import re, math, heapq
from collections import Counter

INSTRUCTION_KNOWLEDGE_ITEM = "Summarise."
INSTRUCTION_QUERY = "Keywords."
INSTRUCTION_RESPONSE = "Answer."
ALWAYS_ON_KNOWLEDGE = ""

tok = lambda s: re.findall(r"[a-z0-9]{3,}", s.lower())

@dataclass
class KnowledgeItem:
    summary: str
    tags: list[str] = field(default_factory=list)

@dataclass
class Query:
    keywords: str

class KnowledgeBase:
    def __init__(self, toolkit):
        self.docs, self.df = [], Counter()
    def write(self, item, raw_text):
        d = Counter(tok(raw_text + " " + item.summary + " " + " ".join(item.tags)))
        self.docs.append((raw_text, d)); self.df.update(d.keys())
    def read(self, query):
        q, n = tok(query.keywords), len(self.docs) or 1
        s = lambda d: sum(d[w] / (1 + d[w]) * math.log(1 + n / self.df[w]) for w in q if w in d)
        top = heapq.nlargest(2, enumerate(self.docs), key=lambda p: (s(p[1][1]), -p[0]))
        return "\n".join(t for _, (t, d) in top if s(d) > 0)[:3000]
