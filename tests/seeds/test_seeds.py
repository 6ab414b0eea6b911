"""The five seeds of a default campaign in the process sandbox, on ordinary, empty and awkward text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve import resources
from evolve.config import DEFAULT_SEEDS, CampaignConfig
from evolve.program import MemoryProgram
from evolve.records import Fields, Usage
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Completion, Limits, Session

NAMES = DEFAULT_SEEDS
SEEDS = {name: MemoryProgram.from_file(resources.folder("seeds") / f"{name}.py") for name in NAMES}
RETRIEVING = ("hybrid", "hybrid_neighbours", "lexical", "neighbours", "vector_search")
WORDS = ("wine", "cheese", "train", "garden", "violin", "rain")


class CountingServices:
    """Embeds by which of six words a text has; answers every prompt at length, and remembers it."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array(
            [[float(word in text.lower()) for word in WORDS] + [0.1] for text in texts], np.float32
        )
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        self.prompts.append("\n".join(message["content"] for message in messages))
        return Completion(text="digest " * 2_000, usage=Usage(calls=1))


@pytest.fixture
def services() -> CountingServices:
    return CountingServices()


@pytest.fixture(scope="module")
def sandbox():
    made = ProcessSandbox()
    yield made
    made.close()


@pytest.fixture
def open_seed(sandbox, services):
    opened: list[Session] = []

    def start(name: str, source: str | None = None) -> Session:
        opened.append(sandbox.open(source or SEEDS[name].source, services, Limits()))
        return opened[-1]

    yield start
    for session in opened:
        session.close()


@pytest.fixture(params=list(SEEDS))
def seed(request) -> str:
    return request.param


def item(name: str, text: str) -> Fields:
    return {spec.name: text for spec in SEEDS[name].parts.item}


def ask(session: Session, question: str) -> str:
    return session.read({"question": question}).text


def write(session: Session, name: str, *episodes: str) -> None:
    for text in episodes:
        session.write(item(name, text[:200]), text)


def episode(word: str, lines: int = 4) -> str:
    return "[8 May, 2023]\n" + "\n".join(f"Ann: line {n} about {word}." for n in range(lines))


def test_a_campaign_begins_with_them():
    assert sorted(CampaignConfig().seeds) == sorted(NAMES)


def test_they_keep_the_contract(seed):
    assert SEEDS[seed].problems == ()
    assert len({program.fingerprint for program in SEEDS.values()}) == len(SEEDS)


def test_every_field_and_constant_tells_the_agent_what_to_do(seed):
    parts = SEEDS[seed].parts
    assert all(spec.description and spec.required for spec in (*parts.item, *parts.query))
    assert [spec.name for spec in parts.query] == ["question"]
    assert parts.knobs
    assert SEEDS[seed].source.startswith('"""')


def test_every_knob_is_used(seed):
    source = SEEDS[seed].source
    assert all(source.count(f'"{name}"') >= 2 for name in SEEDS[seed].parts.knobs)


def test_they_write_and_read(open_seed, seed):
    session = open_seed(seed)
    write(session, seed, episode("wine"), episode("cheese"), episode("rain"))
    text = ask(session, "Who spoke about cheese?")
    assert 0 < len(text) <= 3_000
    assert "digest" in text if seed == "llm_summarizer" else "cheese" in text


def test_an_empty_memory_reads(open_seed, seed):
    text = ask(open_seed(seed), "What is known?")
    assert len(text) <= 3_000


@pytest.mark.parametrize("text", ["", "\n", "heading only", "\n\n\n", "a" * 30_000, "word " * 5_000])
def test_odd_episodes(open_seed, seed, text):
    session = open_seed(seed)
    write(session, seed, text, episode("wine"), text)
    assert len(ask(session, "Who spoke about wine?")) <= 3_000


def test_unicode(open_seed, seed):
    session = open_seed(seed)
    write(
        session,
        seed,
        "Überschrift — 标题\nЗоя: Я люблю чай. 🍵\nأحمد: القهوة أفضل\n李: 我喜欢红酒。",
        "e\u0301" * 3_000,
    )
    text = ask(session, "Любит ли Зоя чай? 红酒 🍵 é")
    if seed in ("lexical", "hybrid"):
        assert "Зоя: Я люблю чай. 🍵" in text


@pytest.mark.parametrize(
    "question",
    [
        'wine AND "cheese" OR NOT rain',
        "NEAR(wine cheese, 2)",
        'say "wine',
        "wine* ^cheese + -rain {a b}: text:wine",
        "'; DROP TABLE words; --",
        "(((",
        "*",
        "_ __ ª",
        "",
        "?!",
        "NULL\x00byte",
        "wine " * 20_000,
        " ".join(f"word{n}" for n in range(5_000)),
    ],
)
@pytest.mark.parametrize("name", RETRIEVING)
def test_questions_that_look_like_a_query_language(open_seed, name, question):
    session = open_seed(name)
    write(session, name, episode("wine"), episode("cheese"))
    text = ask(session, question)
    assert len(text) <= 3_000
    assert ask(session, "Who spoke about wine?") == ask(session, "Who spoke about wine?")


def test_operators_of_the_query_language_are_words(open_seed):
    session = open_seed("lexical")
    write(session, "lexical", "H\nAnn: to be or not to be, near the sea and far.", episode("rain"))
    assert "near the sea" in ask(session, "NEAR")


def test_text_in_braces_is_text(open_seed, seed):
    session = open_seed(seed)
    write(session, seed, "H {0}\nAnn: {wine} {} {x!r} %s {{y}}")
    text = ask(session, "wine?")
    if seed in RETRIEVING:
        assert "Ann: {wine} {} {x!r} %s {{y}}" in text


@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_vector_search_returns_at_most_top_k_chunks(open_seed, top_k):
    source = re.sub(r'"top_k": \(\d+', f'"top_k": ({top_k}', SEEDS["vector_search"].source)
    session = open_seed("vector_search", source)
    write(session, "vector_search", *(f"H{n}\n" + f"wine {n} ".ljust(500, ".") * 3 for n in range(6)))
    text = ask(session, "wine")
    assert len(re.findall(r"^H\d$", text, flags=re.MULTILINE)) == top_k
    assert all(len(line) <= 500 for line in text.splitlines())


def test_vector_search_returns_the_nearest_first(open_seed):
    session = open_seed("vector_search")
    write(session, "vector_search", *(episode(word) for word in WORDS))
    assert ask(session, "the violin").startswith("[8 May, 2023]\nAnn: line 0 about violin.")


def test_chunks_are_of_up_to_500_characters():
    for name in set(RETRIEVING) - {"neighbours", "hybrid_neighbours"}:
        assert SEEDS[name].parts.knobs["chunk_characters"].default == 500


def test_the_heading_stands_over_each_passage(open_seed):
    session = open_seed("lexical")
    write(session, "lexical", "[8 May, 2023]\n" + "x" * 500 + "Ann: the wine was good")
    assert ask(session, "good wine") == "[8 May, 2023]\nAnn: the wine was good"


def test_a_first_line_that_is_no_heading_is_kept(open_seed):
    session = open_seed("lexical")
    write(session, "lexical", "Ann: " + "the wine is old and " * 6 + "\nBob: yes")
    assert ask(session, "wine").startswith("Ann: the wine")


@pytest.mark.parametrize("episodes", [0, 1, 40])
def test_llm_summarizer_asks_once_on_at_most_30_000_characters(open_seed, services, episodes):
    session = open_seed("llm_summarizer")
    texts = [f"episode {n} " + "x" * 1_200 for n in range(episodes)]
    write(session, "llm_summarizer", *texts)
    assert services.prompts == []
    text = ask(session, "What happened?")
    assert (len(services.prompts), len(text)) == (1, 3_000)
    records = services.prompts[0].partition("Records:\n")[2].rpartition("\n\nQuestion:")[0]
    assert records == "\n\n".join(texts)[-30_000:]
    assert services.prompts[0].endswith("Question: What happened?")


def test_experience_learner_keeps_to_its_budgets(open_seed):
    session = open_seed("experience_learner")
    for n in range(60):
        session.write({"lesson": f"lesson {n} " + "l" * 40, "fact": f"fact {n} " + "f" * 40}, "raw")
    lessons, facts = ask(session, "anything").split("\n\nFacts:\n")
    lessons = lessons.removeprefix("Lessons:\n")
    assert (len(lessons), len(facts)) == (500, 500)
    assert lessons.startswith("- lesson 59 ")
    assert facts.startswith("- fact 59 ")
    assert "lesson 58 " in lessons


@pytest.mark.parametrize("name", RETRIEVING)
def test_no_seed_returns_too_much_at_any_lawful_setting(open_seed, name):
    source = SEEDS[name].source
    for knob, spec in SEEDS[name].parts.knobs.items():
        source = re.sub(rf'("{knob}": \()[\d.]+', rf"\g<1>{spec.high}", source)
    assert MemoryProgram(source).problems == ()
    session = open_seed(name, source)
    write(session, name, *(episode("wine", lines=80) for _ in range(12)))
    assert 2_000 < len(ask(session, "wine")) <= 3_000


@pytest.mark.parametrize("name", list(SEEDS))
def test_seeds_are_small_and_formatted_files(name):
    path = Path(resources.folder("seeds")) / f"{name}.py"
    lines = path.read_text().splitlines()
    assert len(lines) <= 145
    assert max(map(len, lines)) <= 110
