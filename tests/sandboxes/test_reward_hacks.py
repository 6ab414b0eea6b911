"""Programs that reach for the gold answers, the scorer or the next candidate gain nothing by it.

Each is an honest program with a hack added. It is evaluated as any candidate is, between two evaluations of
its honest twin, and has to end with the twin's scores or fail. Half of the answers stand in no episode: who
gets one of those has seen the gold.
"""

from __future__ import annotations

import json
import os
import secrets
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evolve.agents.protocol import Conduct, Extraction, Grade, Recollection, Response
from evolve.benchmark import Benchmark
from evolve.evaluation import Evaluator, Subset
from evolve.program import MemoryProgram, Parts
from evolve.records import Completion, Episode, Evaluation, Task, Usage
from evolve.sandboxes.protocol import Limits, Sandbox

GROUPS = 2
EVALUATION_LIMITS = Limits(call_seconds=10, load_seconds=10, memory_mb=256)

PROGRAM = '''\
"""A notebook."""
from __future__ import annotations
import json, re, sqlite3, struct, time
from dataclasses import dataclass

INSTRUCTION_KNOWLEDGE_ITEM = "x"
INSTRUCTION_QUERY = "x"
INSTRUCTION_RESPONSE = "x"
ALWAYS_ON_KNOWLEDGE = ""
gc, os, sys, threading = (__import__(name) for name in ("gc", "os", "sys", "threading"))
GOLD = re.compile("(?:quartz|mark)[0-9a-f]{16}")

def mark():
    """What a candidate leaves for the next, which has it nowhere in its own source."""
    return "mark%016x" % 7

def loot(texts):
    return sorted({word for text in texts for word in GOLD.findall(text)})

def strings(values):
    """The strings among values and within the containers among them."""
    for value in values:
        if isinstance(value, str): yield value
        elif isinstance(value, bytes): yield value.decode("latin-1")
        elif type(value) in (list, tuple, set, frozenset, dict):
            try:
                inner = [*value, *value.values()] if type(value) is dict else list(value)
            except RuntimeError: continue
            yield from (entry for entry in inner if isinstance(entry, str))

def content(path):
    try:
        with open(path, "rb") as file: return file.read(10_000_000).decode("latin-1")
    except (OSError, OverflowError, ValueError): return ""

def worker():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "channel"): frame = frame.f_back
    return frame.f_locals["self"]

def send(*messages):
    """In one write: who answers is ended as soon as the host has the answer."""
    bodies = [json.dumps(message).encode() for message in messages]
    data = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
    for descriptor in range(3, 256):
        try: os.write(descriptor, data)
        except OSError: pass

{top}

@dataclass
class KnowledgeItem:
    text: str

@dataclass
class Query:
    text: str

class KnowledgeBase:
    def __init__(self, toolkit):
        self.toolkit = toolkit
        self.notes = []
        self.found = []
{init}

    def write(self, item, raw_text):
        self.notes.append(raw_text)
{write}

    def read(self, query):
        found = []
{read}
        return "\\n".join([*self.notes, *self.found, *found])
'''


@dataclass(frozen=True)
class Hack:
    """What is added to the honest program.

    Attributes:
        next: what the candidate after it adds, to gather what this one has left.
        breaks: the harness notices, and the program fails instead of earning what its twin does.
        answers: the program answers in place of its method ``read``, and earns at most what its twin does.
        confined: only a backend that keeps files and processes apart promises that it gains nothing.
    """

    name: str
    top: str = ""
    init: str = ""
    write: str = ""
    read: str = ""
    next: str = ""
    breaks: bool = False
    answers: bool = False
    confined: bool = False


FIND_FILES = """
for folder in ({folders}):
    try: names = os.listdir(folder)
    except OSError: continue
    found += loot([*names, *(content(os.path.join(folder, name)) for name in names)])
"""
OWN_FOLDERS = "os.getcwd(), os.environ['HOME'], os.environ['TMPDIR']"
ANY_FOLDER = "'/tmp', '/var/tmp', '/dev/shm', '/run', '/usr/local/lib', '/etc'"
LEAVE_FILE = """
for folder in ({folders}):
    try:
        with open(os.path.join(folder, "evolve-left"), "w") as file: file.write(mark())
    except OSError: pass
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    until = time.time() + 3
    while time.time() < until:
        for folder in ({folders}):
            try:
                with open(os.path.join(folder, "evolve-left"), "w") as file: file.write(mark())
            except OSError: pass
        time.sleep(0.01)
    os._exit(0)
"""
READ_MEMORY = """
for process in filter(str.isdigit, os.listdir("/proc")):
    if process == str(os.getpid()): continue
    try:
        with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", 0) as memory:
            for line in maps:
                place, rights = line.split()[:2]
                start, end = (int(part, 16) for part in place.split("-"))
                if not rights.startswith("rw") or end - start > 1 << 26: continue
                memory.seek(start)
                found += loot([memory.read(end - start).decode("latin-1")])
    except (OSError, ValueError): pass
"""

HACKS = [
    Hack("gold through gc", read="found += loot(strings(gc.get_objects()))"),
    Hack(
        "gold through gc, collector off",
        init="""
        gc.disable()
        gc.callbacks.append(lambda *_: self.found.extend(loot(strings(gc.get_objects()))))
        """,
        read="gc.collect()",
    ),
    Hack(
        "gold through frames",
        read="""
        for frame in sys._current_frames().values():
            while frame:
                found += loot(strings([frame.f_locals, frame.f_globals, *frame.f_locals.values()]))
                frame = frame.f_back
        """,
    ),
    Hack(
        "gold through sys.modules",
        read="""
        for module in list(sys.modules.values()):
            found += loot(strings([vars(module), *vars(module).values()]))
        """,
    ),
    Hack(
        "gold through an import of the host's modules",
        read="""
        for name in ("evolve.scoring", "evolve.evaluation", "evolve.benchmark", "__main__", "conftest"):
            try: found += loot(strings([*vars(__import__(name, fromlist=["x"])).values()]))
            except ImportError: pass
        """,
    ),
    Hack(
        "gold through the environment",
        read="found += loot([*os.environ.values(), content('/proc/self/environ')])",
    ),
    Hack("gold in the request", read="found += loot([repr(vars(worker())), repr(vars(worker().channel))])"),
    Hack(
        "gold in the environment of other processes",
        read="""
        for process in os.listdir("/proc"):
            found += loot(content(f"/proc/{process}/{what}") for what in ("environ", "cmdline"))
        """,
        confined=True,
    ),
    Hack("gold in the memory of other processes", read=READ_MEMORY, confined=True),
    Hack(
        "gold in the benchmark's file",
        read="found += loot([content(query.text.partition('|')[2])])",
        confined=True,
    ),
    Hack(
        "patches the scorer",
        init="""
        from types import ModuleType
        for name in ("evolve", "evolve.scoring", "evolve.evaluation", "evolve.evaluation.evaluator"):
            module = sys.modules[name] = ModuleType(name)
            module.f1 = module.coverage = module.evidence_recall = lambda *_: 1.0
            module.METRICS = dict.fromkeys(("f1", "coverage", "evidence_recall"), lambda *_: 1.0)
        """,
    ),
    Hack(
        "patches builtins",
        init="built = __import__('builtins'); built.sum = built.max = built.min = lambda *_, **__: 1.0",
        breaks=True,
    ),
    Hack(
        "patches the worker",
        init="""
        kind = type(worker())
        perform = kind.perform
        kind.perform = lambda self, request: perform(self, {**request, "score": 1.0})
        """,
    ),
    Hack(
        "patches the toolkit",
        init="""
        kind = type(toolkit)
        kind.embed = lambda self, texts: [[1.0]] * len(texts)
        kind.llm_completion = lambda self, messages, **_: "score: 1.0"
        type(toolkit.logger).take = lambda self: ["score: 1.0", "quality: 1.0"]
        """,
    ),
    Hack(
        "patches json to add a score",
        init="""
        dumps = json.dumps
        json.dumps = lambda value, **options: dumps({**value, "score": 1.0}, **options)
        """,
        breaks=True,
    ),
    Hack("patches json away", read="json.dumps = lambda *_, **__: '1.0'", breaks=True),
    Hack(
        "patches json.loads",
        init="loads = json.loads; json.loads = lambda text, **_: {**loads(text), 'score': 1.0}",
    ),
    Hack("patches struct", init="struct.pack = lambda *_: b'\\0\\0\\0\\1'", breaks=True),
    Hack(
        "forges a frame with a score",
        read="send({'id': worker().current, 'kind': 'done', 'value': '', 'logs': [], 'score': 1.0})",
        breaks=True,
    ),
    Hack(
        "forges the answers to come",
        read="send(*[{'id': worker().current, 'kind': 'done', 'value': 'x', 'logs': []}] * 9)",
        breaks=True,
    ),
    Hack(
        "forges the answers to come, one by one",
        read="""
        for _ in range(9):
            send({'id': worker().current, 'kind': 'done', 'value': 'x', 'logs': []})
            time.sleep(60)  # the branch has its answer: it is dropped, and this process ended
        """,
        answers=True,
    ),
    Hack(
        "forges a good end",
        read="send({'id': '', 'kind': 'left', 'code': 0, 'signal': None, 'out_of_memory': False})",
        breaks=True,
    ),
    Hack(
        "keeps what it was asked in globals",
        top="SEEN = []",
        read="found += SEEN; SEEN.append(mark())",
        next="found += loot(strings([vars(module) for module in sys.modules.values()]))",
    ),
    Hack(
        "keeps what it was asked in files",
        read=FIND_FILES.format(folders=OWN_FOLDERS) + LEAVE_FILE.format(folders=OWN_FOLDERS),
        next=FIND_FILES.format(folders=OWN_FOLDERS),
    ),
    Hack(
        "keeps what it was asked in a database file",
        read="""
        with sqlite3.connect("left.db") as db:
            db.execute("create table if not exists seen (text)")
            found += [text for text, in db.execute("select text from seen")]
            db.execute("insert into seen values (?)", [mark()])
        """,
        next="""
        if os.path.exists("left.db"):
            found += [text for text, in sqlite3.connect("left.db").execute("select text from seen")]
        """,
    ),
    Hack(
        "leaves files anywhere",
        init=LEAVE_FILE.format(folders=ANY_FOLDER),
        next=FIND_FILES.format(folders=ANY_FOLDER),
        confined=True,
    ),
    Hack(
        "leaves environment variables and attributes",
        init="os.environ['LEFT'] = mark(); json.LEFT = re.LEFT = mark()",
        next="found += loot([*os.environ.values(), getattr(json, 'LEFT', ''), getattr(re, 'LEFT', '')])",
    ),
    Hack(
        "leaves a thread",
        init="""
        def later():
            while True:
                try: open("evolve-left", "w").write(mark())
                except OSError: pass
                time.sleep(0.01)
        threading.Thread(target=later, daemon=True).start()
        """,
        next=FIND_FILES.format(folders=OWN_FOLDERS),
    ),
    Hack(
        "leaves a daemon",
        init=DAEMON.format(folders=OWN_FOLDERS),
        next=FIND_FILES.format(folders=OWN_FOLDERS),
    ),
    Hack(
        "leaves a daemon that writes anywhere",
        init=DAEMON.format(folders=ANY_FOLDER),
        next=FIND_FILES.format(folders=ANY_FOLDER),
        confined=True,
    ),
]
CONFINED = [hack for hack in HACKS if hack.confined]
ANYWHERE = [hack for hack in HACKS if not hack.confined]


class Reader:
    """Gives the question and where the benchmark's file is as the query, and answers with what was read."""

    identity = "reader"

    def __init__(self, file: Path) -> None:
        self._file = file

    def extract(self, parts: Parts, episodes: Sequence[Episode], repeat: int = 0) -> list[Extraction]:
        return [Extraction({"text": episode.text}, Usage()) for episode in episodes]

    def formulate(self, parts: Parts, tasks: Sequence[Task], repeat: int = 0) -> list[Extraction]:
        return [Extraction({"text": f"{task.question}|{self._file}"}, Usage()) for task in tasks]

    def respond(self, parts: Parts, recollections: Sequence[Recollection], repeat: int = 0) -> list[Response]:
        return [Response(recollection.retrieved, Usage()) for recollection in recollections]

    def act(self, *_: object, **__: object) -> list[Conduct]:
        raise AssertionError("there is no environment")

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        raise AssertionError("the metric needs no judge")


class Flat:
    """Models that say the same to everything."""

    identity = "flat"
    dimension = 4
    waits = False

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, np.float32)

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, object], repeat: int = 0
    ) -> Completion:
        return Completion(text="yes", usage=Usage())


@pytest.fixture(scope="module")
def keys() -> Benchmark:
    """Of the two questions of each group, the answer to one can be known, and that to the other cannot."""
    episodes, tasks = [], []
    for group in map(str, range(GROUPS)):
        gold = f"quartz{secrets.token_hex(8)}"
        episodes.append(Episode(id=f"e{group}", text=f"The key lies under stone{group}.", group=group))
        for ident, question, answer in (
            (f"known{group}", "Where is the key?", f"stone{group}"),
            (f"hidden{group}", "What is the code?", gold),
        ):
            tasks.append(Task(id=ident, question=question, answers=(answer,), group=group))
    test = (Task(id="test", question="?", answers=("x",), group="0"),)
    return Benchmark("keys", tuple(episodes), tuple(tasks), test, scope="grouped")


@pytest.fixture(scope="module")
def evaluate(
    keys: Benchmark, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Sandbox, str], Evaluation]]:
    """Evaluates a source, with the gold in the host's memory, environment and in a file beside."""
    gold = [task.answers[0] for task in keys.validation]
    file = tmp_path_factory.mktemp("gold") / "answers.json"
    file.write_text(json.dumps(gold))
    file.parent.chmod(0o755)
    subset = Subset("all", keys.validation, keys.episodes)

    def run(sandbox: Sandbox, source: str) -> Evaluation:
        evaluator = Evaluator(
            benchmark=keys,
            agent=Reader(file),
            judge=Reader(file),
            sandbox=sandbox,
            embedder=Flat(),
            model=Flat(),
            limits=EVALUATION_LIMITS,
            metric="coverage",
        )
        return evaluator.evaluate(MemoryProgram(source), subset)

    os.environ["EVOLVE_TEST_GOLD"] = " ".join(gold)
    yield run
    del os.environ["EVOLVE_TEST_GOLD"]


def source_of(*, top: str = "", init: str = "", write: str = "", read: str = "") -> str:
    def inside(code: str) -> str:
        return textwrap.indent(textwrap.dedent(code).strip() or "pass", " " * 8)

    return (
        PROGRAM.replace("{top}", textwrap.dedent(top))
        .replace("{init}", inside(init))
        .replace("{write}", inside(write))
        .replace("{read}", inside(read))
    )


Results = list[tuple[str, float, str]]
Earned = Callable[[Sandbox], Results]


def results(evaluation: Evaluation) -> Results:
    assert evaluation.status == "complete", evaluation.failure or evaluation.reason
    return [(item.task, item.score, item.retrieved) for item in evaluation.items]


@pytest.fixture(scope="module")
def honest(evaluate: Callable[[Sandbox, str], Evaluation]) -> Earned:
    """What the honest program earns in a sandbox; evaluated once in each."""
    earned: dict[str, Results] = {}

    def of(sandbox: Sandbox) -> Results:
        if sandbox.isolation not in earned:
            earned[sandbox.isolation] = results(evaluate(sandbox, source_of()))
        return earned[sandbox.isolation]

    return of


def test_the_honest_program_earns_what_can_be_known(sandbox: Sandbox, honest: Earned) -> None:
    assert {(task[:-1], score) for task, score, _ in honest(sandbox)} == {("known", 1.0), ("hidden", 0.0)}


def test_gold_that_is_given_away_would_be_seen(
    sandbox: Sandbox, evaluate: Callable[[Sandbox, str], Evaluation], keys: Benchmark
) -> None:
    """The tests below can fail: a program that has the gold earns more."""
    gold = " ".join(task.answers[0] for task in keys.validation)
    program = source_of(
        top=f"STOLEN = {gold!r}", read="found += loot(strings([vars(sys.modules[__name__])]))"
    )
    assert all(score == 1.0 for _, score, _ in results(evaluate(sandbox, program)))


@pytest.mark.parametrize("hack", ANYWHERE, ids=lambda hack: hack.name)
def test_nothing_is_gained(
    sandbox: Sandbox,
    evaluate: Callable[[Sandbox, str], Evaluation],
    honest: Earned,
    hack: Hack,
    record_attack: Callable[[str, str], None],
) -> None:
    gains_nothing(sandbox, evaluate, honest(sandbox), hack)
    outcome = "fails" if hack.breaks else "loses" if hack.answers else "gains nothing"
    record_attack(f"reward: {hack.name}", outcome)


@pytest.mark.parametrize("hack", CONFINED, ids=lambda hack: hack.name)
def test_nothing_is_gained_where_files_and_processes_are_kept_apart(
    confining_sandbox: Sandbox,
    evaluate: Callable[[Sandbox, str], Evaluation],
    honest: Earned,
    hack: Hack,
    record_attack: Callable[[str, str], None],
) -> None:
    gains_nothing(confining_sandbox, evaluate, honest(confining_sandbox), hack)
    record_attack(f"reward: {hack.name}", "gains nothing")


def gains_nothing(
    sandbox: Sandbox, evaluate: Callable[[Sandbox, str], Evaluation], honest: Results, hack: Hack
) -> None:
    evaluation = evaluate(sandbox, source_of(top=hack.top, init=hack.init, write=hack.write, read=hack.read))
    if hack.breaks:
        assert evaluation.status == "failed"
        assert evaluation.quality.mean == 0.0
        assert evaluation.failure is not None
        assert evaluation.failure.kind in ("protocol", "crash", "contract")
    elif hack.answers:
        earned = zip(results(evaluation), honest, strict=True)
        assert all(score <= honest_score for (_, score, _), (_, honest_score, _) in earned)
    else:
        assert results(evaluation) == honest
    assert results(evaluate(sandbox, source_of(read=hack.next))) == honest
