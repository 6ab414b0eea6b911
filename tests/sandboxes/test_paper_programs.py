"""Programs in the style of those evolved under the paper's released code run unchanged, and find the same.

What a program retrieves in a sandbox is compared with what it retrieves here in this process, with the same
toolkit, embedder and model.
"""

from __future__ import annotations

import base64
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evolve import resources
from evolve.evaluation import HostServices
from evolve.models.embeddings import HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.program import MemoryProgram, Parts
from evolve.program.parts import FieldSpec
from evolve.records import Fields
from evolve.sandboxes.protocol import Limits, Sandbox

PROGRAMS = {path.stem: path for path in sorted((Path(__file__).parent / "paper_programs").glob("*.py"))}
TOOLKIT_MODULES = ("vectors", "filters", "toolkit", "chroma")
TEXTS = (
    "[8 May 2023]\nAnna: I went to a violin lesson yesterday, and it was lovely.\nBen: You told me about it!",
    "[21 June 2023]\nBen: We moved to Lisbon two weeks ago. The flat has a green door.\nAnna: How big is it?",
    "[2 July 2023]\nAnna: Our brother Carl bakes bread on Sundays. He sold forty.\nBen: Is he a physician?",
    "[9 July 2023]\nBen: I lost the key of the greenhouse. It was buried under the third stone by the canal.",
)
QUESTIONS = (
    ("When did Anna go to a violin lesson?", "violin lesson"),
    ("What colour is the door of the flat in Lisbon?", "green door"),
    ("Who bakes bread on Sundays?", "bakes bread"),
    ("Where was the key of the greenhouse buried?", "third stone"),
)

Retrieved = list[str]


@pytest.fixture(scope="module")
def services() -> HostServices:
    return HostServices(HashingEmbedder.fit(TEXTS, dimension=256), ExtractiveModel())


@pytest.fixture(scope="module")
def toolkit_modules() -> Iterator[dict[str, ModuleType]]:
    """The modules of ``sandbox/`` by their bare names, as a program's toolkit is made of them."""
    folder = str(resources.folder("sandbox"))
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in TOOLKIT_MODULES}
    finally:
        sys.path.remove(folder)
        for name in TOOLKIT_MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def in_process(toolkit_modules: dict[str, ModuleType], services: HostServices) -> Callable[[str], Retrieved]:
    """Runs a program here, as a plain module."""

    def ask(request: dict[str, Any]) -> dict[str, Any]:
        if request["kind"] == "embed":
            vectors = services.embed(request["texts"]).astype("<f4")
            return {"vectors": base64.b64encode(vectors.tobytes()).decode()}
        return {"text": services.complete(request["messages"], request["options"]).text}

    def run(source: str) -> Retrieved:
        parts = MemoryProgram(source).parts
        toolkit = toolkit_modules["toolkit"].Toolkit(ask)
        chromadb = toolkit_modules["chroma"].as_chromadb(toolkit.chroma)
        module = ModuleType("memory_program")
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "chromadb", chromadb)
            patch.setitem(sys.modules, module.__name__, module)
            exec(compile(source, "<program>", "exec"), module.__dict__)
            memory = module.KnowledgeBase(toolkit)
            for text in TEXTS:
                memory.write(module.KnowledgeItem(**item(parts, text)), text)
            return [memory.read(module.Query(**query(parts, question))) for question, _ in QUESTIONS]

    return run


def item(parts: Parts, text: str) -> Fields:
    """The last line of ``text`` in every field that takes text, and all lines where it takes a list."""
    lines = text.splitlines()
    return filled(parts.item, {"str": lines[-1], "list[str]": lines})


def query(parts: Parts, question: str) -> Fields:
    return filled(parts.query, {"str": question, "list[str]": question.split()})


def filled(specs: Sequence[FieldSpec], values: Mapping[str, Any]) -> Fields:
    """Numbers and switches keep their defaults."""
    return {spec.name: values[spec.base] for spec in specs if spec.base in values}


@pytest.fixture(params=list(PROGRAMS))
def source(request: pytest.FixtureRequest) -> str:
    return PROGRAMS[request.param].read_text("utf-8")


def test_there_are_ten_of_all_lengths_and_kinds() -> None:
    sources = [path.read_text("utf-8") for path in PROGRAMS.values()]
    assert len(sources) == 10
    lengths = sorted(source.count("\n") for source in sources)
    assert lengths[0] <= 40
    assert lengths[-1] >= 1_000
    for feature in (
        "\nimport chromadb",
        "toolkit.chroma.get_or_create_collection(",
        "query(query_texts=[",
        ".upsert(",
        ".count()",
        "row_factory",
        "executescript(",
        "executemany(",
        ".cursor()",
        "llm_completion(",
        "temperature=0",
        "COMMIT_MESSAGE",
        "@staticmethod",
        "\n    class ",
        "re.compile(",
    ):
        assert any(feature in source for source in sources), feature


def test_the_static_check_takes_it(source: str) -> None:
    assert MemoryProgram(source).problems == ()


def test_the_sandbox_retrieves_what_this_process_does(
    sandbox: Sandbox, source: str, in_process: Callable[[str], Retrieved], services: HostServices
) -> None:
    parts = MemoryProgram(source).parts
    with sandbox.open(source, services, Limits()) as session:
        for text in TEXTS:
            session.write(item(parts, text), text)
        retrieved = [session.read(query(parts, question)).text for question, _ in QUESTIONS]
    assert retrieved == in_process(source)
    found = sum(passage in text for text, (_, passage) in zip(retrieved, QUESTIONS, strict=True))
    assert found >= 3, f"the comparison says little: {retrieved}"
