"""What every sandbox backend promises: well-behaved programs work, hostile ones are stopped and named.

Whoever writes a backend adds it to the ``sandbox`` fixture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.errors import InfrastructureError, ProgramError
from evolve.records import Fields, Usage
from evolve.sandboxes.protocol import Completion, Deferred, Limits, Sandbox, Session

ITEM: Fields = {"text": "a fact", "tags": ["x"]}
QUERY: Fields = {"text": "which fact"}
ASKS = "self.toolkit.llm_completion([{'role': 'user', 'content': %s}])"


class Constant:
    """Services that say the same to everything."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, np.float32)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        return Completion(text="yes", usage=Usage(calls=1))


@pytest.fixture(scope="module")
def obedient(sandbox: Sandbox, program: Any) -> Iterator[Session]:
    """A session whose read is whatever the query says: one for all that a session survives."""
    yield from _obedient(sandbox, program)


def _obedient(sandbox: Sandbox, program: Any) -> Iterator[Session]:
    source = program(
        read="""
        import textwrap
        names = {}
        exec("def body(self):\\n" + textwrap.indent(query.text, " "), globals(), names)
        return names["body"](self)
        """,
    )
    with sandbox.open(source, Constant(), Limits(memory_mb=256)) as session:
        yield session


class TestWellBehaved:
    def test_write_then_read(self, sandbox: Sandbox, program: Any, services: Any, limits: Limits) -> None:
        source = program(
            write="self.notes.append((item.text, item.tags, raw_text))",
            read="return f'{query.text} {query.k} {self.notes}'",
        )
        with sandbox.open(source, services, limits) as session:
            session.write(ITEM, "raw ☃")
            outcome = session.read({"text": "q", "k": 3})
        assert outcome.text == "q 3 [('a fact', ['x'], 'raw ☃')]"
        assert 0 < outcome.seconds < limits.call_seconds

    def test_a_branch_is_dropped_with_all_its_changes(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            init="toolkit.db.execute('create table t (x)')",
            write="self.notes.append(item.text); self.toolkit.db.execute('insert into t values (1)')",
            read="""
            self.notes.append("read")
            return f"{self.notes} {self.toolkit.db.execute('select count(*) from t').fetchone()[0]}"
            """,
        )
        with sandbox.open(source, services, limits) as session:
            for group in ("a", "b"):
                with session.branch():  # a group's memory
                    session.write({"text": group}, "")
                    for _ in range(3):
                        with session.branch():  # a read
                            assert session.read(QUERY).text == f"['{group}', 'read'] 1"
            assert session.read(QUERY).text == "['read'] 0"

    def test_reads_between_writes_see_what_is_written_so_far(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            init="toolkit.db.execute('create table t (x)')",
            write="self.notes.append(item.text); self.toolkit.db.execute('insert into t values (1)')",
            read="""
            self.notes.append("read")
            self.toolkit.db.execute('insert into t values (2)')
            return f"{self.notes} {self.toolkit.db.execute('select count(*) from t').fetchone()[0]}"
            """,
        )
        with sandbox.open(source, services, limits) as session:
            for _ in range(2):
                with session.branch():
                    written: list[str] = []
                    for text in ("a", "b", "c"):
                        session.write({"text": text}, "")
                        written.append(text)
                        for _ in range(2):
                            with session.branch():
                                expected = f"{[*written, 'read']} {len(written) + 1}"
                                assert session.read(QUERY).text == expected

    def test_an_error_in_a_branch_leaves_it_and_the_session_goes_on(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(write="raise ValueError('no')", read="return 'fine'")
        with sandbox.open(source, services, limits) as session:
            with pytest.raises(ProgramError), session.branch():
                session.write(ITEM, "")
            assert session.read(QUERY).text == "fine"

    def test_toolkit(self, sandbox: Sandbox, program: Any, services: Any, limits: Limits) -> None:
        source = program(
            top="import chromadb\nimport numpy as np",
            init="""
            toolkit.db.execute("create virtual table notes using fts5(text)")
            self.chroma = toolkit.chroma.get_or_create_collection("facts")
            assert chromadb.Client() is toolkit.chroma
            """,
            write="""
            self.toolkit.db.execute("insert into notes values (?)", (raw_text,))
            self.toolkit.vectors.add([raw_text], self.toolkit.embed([raw_text]))
            self.chroma.add(ids=[raw_text], documents=[raw_text])
            self.toolkit.logger.debug("wrote %s", raw_text)
            """,
            read="""
            lexical = self.toolkit.db.execute(
                "select text from notes where notes match ?", (query.text,)).fetchone()[0]
            nearest = self.toolkit.vectors.search(self.toolkit.embed([query.text])[0], 1)[0]
            found = self.chroma.query(query_texts=[query.text], n_results=1)["ids"]
            answer = self.toolkit.llm_completion([{"role": "user", "content": "hi"}], temperature=0)
            vector = self.toolkit.embed([query.text])
            shape = (vector.shape, str(vector.dtype), round(float(np.linalg.norm(vector)), 3))
            return repr((lexical, nearest[0], round(nearest[1], 3), found, answer, shape))
            """,
        )
        with sandbox.open(source, services, limits) as session:
            assert session.write(ITEM, "apple").logs == ("wrote apple",)
            session.write(ITEM, "pear")
            outcome = session.read({"text": "pear"})
        assert outcome.text == repr(("pear", "pear", 1.0, [["pear"]], "0: hi", ((1, 16), "float32", 1.0)))
        assert outcome.usage.calls == 1
        assert outcome.usage.tokens_in == 7

    def test_nested_classes_and_postponed_annotations(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            top="""
            import re
            WORD = re.compile(r"[a-z]+")
            @dataclass
            class Note:
                class Inner:
                    LIMIT = 3
                words: list[Word]
                @staticmethod
                def of(text: str) -> Note:
                    return Note([Word(w) for w in WORD.findall(text)][: Note.Inner.LIMIT])
            @dataclass
            class Word:
                text: str
            """,
            write="self.notes.append(Note.of(raw_text))",
            read="return ' '.join(word.text for note in self.notes for word in note.words)",
        )
        with sandbox.open(source, services, limits) as session:
            session.write(ITEM, "one two three four")
            assert session.read(QUERY).text == "one two three"

    def test_large_embedding_requests_go_in_parts(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            read="return str(self.toolkit.embed([f'{i} ' + 'é' * 900 for i in range(3000)]).shape)"
        )
        with sandbox.open(source, services, limits) as session:
            assert session.read(QUERY).text == "(3000, 16)"
        assert len(services.embedded) == 3000

    def test_what_cannot_be_encoded_is_replaced(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        with sandbox.open(program(read=r"return query.text + 'a\ud800b'"), services, limits) as session:
            assert session.read({"text": "c\udfffd"}).text == "c?da?b"

    def test_sessions_side_by_side(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(write="self.notes.append(raw_text)", read="return ''.join(self.notes)")
        with sandbox.open(source, services, limits) as one, sandbox.open(source, services, limits) as other:
            one.write(ITEM, "1")
            other.write(ITEM, "2")
            assert (one.read(QUERY).text, other.read(QUERY).text) == ("1", "2")


FILES = """
def files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)
"""


class TestScratch:
    """Files are state like any other: a branch has a copy of them, and dropping it drops its changes."""

    def test_a_database_file_is_each_groups_own(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            top="import sqlite3",
            init="""
            self.db = sqlite3.connect("memory.db")
            self.db.execute("create table notes (text)")
            self.db.commit()
            """,
            write="""
            with self.db: self.db.execute("insert into notes values (?)", (raw_text,))
            with open("log.txt", "a") as log: log.write(raw_text)
            """,
            read="""
            with self.db: self.db.execute("insert into notes values ('asked')")
            with open("log.txt", "a") as log: log.write("asked")
            return f"{self.db.execute('select text from notes').fetchall()} {open('log.txt').read()}"
            """,
        )
        with sandbox.open(source, services, limits) as session:
            for group in ("a", "b", "c"):
                with session.branch():
                    session.write(ITEM, group)
                    for _ in range(3):
                        with session.branch():
                            said = session.read(QUERY).text
                        assert said == f"[('{group}',), ('asked',)] {group}asked"

    @pytest.mark.parametrize(
        "act",
        [
            "for i in range(2000): open(f'{i}', 'w').close()",
            "for i in range(1500): os.mkdir('d'); os.chdir('d')",
            "os.makedirs('shut/in'); open('shut/in/x', 'w'); os.chmod('shut/in', 0); os.chmod('shut', 0)",
            "os.symlink('/etc', 'outside'); os.symlink('nowhere', 'dangling'); os.mkfifo('fifo')",
            "os.remove('kept/one'); os.symlink('/etc/passwd', 'kept/one')",
            "os.remove('kept/one'); os.rmdir('kept'); os.symlink('/etc', 'kept')",
            "os.remove('kept/one'); os.mkdir('kept/one'); open('kept/one/x', 'w').close()",
            "os.rename('kept', 'moved'); os.mkdir('kept'); open('kept/one', 'w').write('forged')",
            "os.chmod('kept/one', 0); os.chmod('kept', 0)",
            "os.truncate('kept/one', 0); os.utime('kept/one', (1, 1))",
            "open('kept/one', 'w').write('other'); os.link('kept/one', 'again')",
        ],
    )
    def test_whatever_a_read_does_to_files_is_undone(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits, act: str
    ) -> None:
        source = program(
            top=FILES,
            write="os.mkdir('kept', 0o750); open('kept/one', 'w').write('first')",
            read="""
            if query.text == "act":
                exec(self.notes[0])
                return ""
            info = os.lstat("kept/one")
            return repr((files(), open("kept/one").read(), oct(os.stat("kept").st_mode), info.st_mtime_ns))
            """,
            init=f"self.notes = [{act!r}]",
        )
        with sandbox.open(source, services, limits) as session:
            session.write(ITEM, "")
            with session.branch():
                before = session.read(QUERY).text
            assert before.startswith("(['./kept/one'], 'first', '0o40750'")
            with session.branch():
                session.read({"text": "act"})
            assert session.read(QUERY).text == before

    def test_processes_end_with_the_read_that_started_them_and_none_lives_into_a_branch(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            top="import subprocess",
            init="self.own = subprocess.Popen(['sleep', '600'])",
            read="""
            if query.text == "act":
                found = [subprocess.Popen(["sleep", "600"], start_new_session=True).pid]
                if os.fork() == 0:
                    os.setsid()
                    for _ in range(20):
                        if os.fork() == 0: time.sleep(600)
                    os._exit(0)
                return repr(found)
            alive = lambda pid: os.path.exists(f"/proc/{pid}")
            return repr((alive(self.own.pid), alive(int(query.text))))
            """,
        )
        with sandbox.open(source, services, limits) as session:
            for _ in range(4):  # 4 × 21 would be more than the sandbox may have
                with session.branch():
                    (started,) = eval(session.read({"text": "act"}).text)
                assert session.read({"text": str(started)}).text == "(False, False)"

    def test_files_that_cannot_be_copied_are_the_programs_failure(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            write="for i in range(5): os.truncate(os.open(str(i), os.O_RDWR | os.O_CREAT), 60 << 20)"
        )
        with sandbox.open(source, services, limits) as session:
            session.write(ITEM, "")
            with pytest.raises(ProgramError, match="hold more than") as caught, session.branch():
                pass
        assert caught.value.kind == "crash"


class TestFailuresThatTheProgramSurvives:
    @pytest.mark.parametrize(
        ("body", "kind", "said"),
        [
            ("x = {}\nreturn x['missing']", "exception", "read raised KeyError: 'missing'"),
            ("import pickle\nreturn pickle.dumps(print)", "contract", "returned bytes"),
            ("return 7", "contract", "read must return a str, but it returned int: 7"),
            ("return 'x' * 3001", "output", "read returned 3001 characters; at most 3000"),
            ("return 'x' * 30_000_000", "output", "at most 3000"),
            ("return bytearray(10**9)", "memory", "MemoryError"),
            ("x = [0]\nwhile True: x = x + x", "memory", "MemoryError"),
            ("sys.exit(3)", "exception", "SystemExit: 3"),
            ("self.toolkit.embed('text')", "exception", "list of strings"),
            ("self.toolkit.llm_completion('text')", "exception", "non-empty list"),
        ],
    )
    def test_kind_and_message(self, obedient: Session, body: str, kind: str, said: str) -> None:
        with pytest.raises(ProgramError) as caught:
            obedient.read({"text": body})
        assert caught.value.kind == kind
        assert said in caught.value.message
        assert not caught.value.fatal
        assert obedient.read({"text": "return 'fine'"}).text == "fine"

    def test_traceback_shows_the_programs_lines_only(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(top="import json", write="self.parse(raw_text)") + (
            "    def parse(self, text):\n        return json.loads(text)\n"
        )
        with sandbox.open(source, services, limits) as session, pytest.raises(ProgramError) as caught:
            session.write(ITEM, "{")
        detail = caught.value.detail
        assert "self.parse(raw_text)" in detail
        assert "return json.loads(text)" in detail
        assert "JSONDecodeError" in detail
        assert "decoder.py" not in detail
        assert '"<string>"' not in detail

    def test_fields_that_do_not_fit(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        with sandbox.open(program(), services, limits) as session, pytest.raises(ProgramError) as caught:
            session.write({"other": 1}, "")
        assert "unexpected keyword argument 'other'" in caught.value.message

    @pytest.mark.parametrize(
        "body",
        [
            "for i in range(2): self.toolkit.llm_completion([{'role': 'user', 'content': 'x'}])",
            "self.toolkit.llm_completion([{'role': 'user', 'content': 'x' * 200_000}])",
            "self.toolkit.embed(['x'] * 20_001)",
        ],
    )
    def test_budgets_hold_even_if_the_program_catches(self, obedient: Session, body: str) -> None:
        caught_inside = f"try:\n {body}\nexcept RuntimeError: pass\nreturn 'caught'"
        for _ in range(2):  # charged anew in each call
            with pytest.raises(ProgramError, match="are allowed") as caught:
                obedient.read({"text": caught_inside})
            assert caught.value.kind == "budget"
            assert not caught.value.fatal
        assert obedient.read({"text": "return 'fine'"}).text == "fine"

    def test_what_no_model_can_be_asked_fails_the_call_even_if_the_program_catches(
        self, sandbox: Sandbox, program: Any, limits: Limits
    ) -> None:
        class Refusing(Constant):
            def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
                raise ProgramError("exception", "no such option")

        source = program(read=f"try: {ASKS % repr('x')}\nexcept RuntimeError as e: return str(e)")
        with sandbox.open(source, Refusing(), limits) as session:
            for _ in range(2):
                with pytest.raises(ProgramError, match="no such option") as caught:
                    session.read(QUERY)
                assert not caught.value.fatal

    def test_an_outage_voids_the_call_even_if_the_program_catches(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(read="try: self.toolkit.embed(['x'])\nexcept Exception: return 'caught'")
        with sandbox.open(source, services, limits) as session:
            services.broken = True
            with pytest.raises(InfrastructureError, match="provider is down"):
                session.read(QUERY)

    def test_an_outage_is_ours_even_if_the_program_then_hangs(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(read="try: self.toolkit.embed(['x'])\nexcept Exception: time.sleep(99)")
        with sandbox.open(source, services, limits.replace(call_seconds=0.5)) as session:
            services.broken = True
            with pytest.raises(InfrastructureError, match="provider is down"):
                session.read(QUERY)

    def test_a_thread_left_behind_disturbs_nothing(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            top="import threading",
            write="""
            def later():
                while True:
                    try: self.toolkit.embed(["from the thread"])
                    except RuntimeError: pass
                    time.sleep(0.001)
            threading.Thread(target=later, daemon=True).start()
            """,
            read="return 'fine'",
        )
        with sandbox.open(source, services, limits) as session:
            session.write(ITEM, "")
            for _ in range(5):
                with session.branch():
                    assert session.read(QUERY).text == "fine"


class Later(Constant):
    """A model that knows no answer until it is told what to say."""

    answer: str | None = None

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        if self.answer is None:
            raise Deferred(messages[0]["content"])
        return Completion(text=self.answer, usage=Usage(calls=1))


class TestDeferredAnswers:
    """A branch in which an answer is not known yet is dropped at once, and the session goes on without it."""

    @pytest.fixture
    def asking(self, sandbox: Sandbox, program: Any, limits: Limits) -> Iterator[tuple[Session, Later]]:
        source = program(
            write=f"self.notes.append(item.text)\nif raw_text: self.notes.append({ASKS % 'raw_text'})",
            read=f"""
            open("asked", "a").write("x")
            self.notes.append("asked")
            if query.text == "plain": return f"{{self.notes[:-1]}} {{os.path.getsize('asked')}}"
            try: return {ASKS % "query.text"}
            except BaseException: return "caught"
            """,
        )
        services = Later()
        with sandbox.open(source, services, limits) as session:
            yield session, services

    def test_a_read_is_done_again_as_if_for_the_first_time(self, asking: tuple[Session, Later]) -> None:
        session, services = asking
        session.write({"text": "kept"}, "")
        for question in ("one", "two"):
            with pytest.raises(Deferred, match=question), session.branch():
                session.read({"text": question})
        with session.branch():
            assert session.read({"text": "plain"}).text == "['kept'] 1"
        services.answer = "known"
        with session.branch():
            assert session.read({"text": "one"}).text == "known"

    def test_a_write_is_done_again_in_a_new_branch(self, asking: tuple[Session, Later]) -> None:
        session, services = asking
        with session.branch():
            session.write({"text": "group"}, "")
            with pytest.raises(Deferred), session.branch():
                session.write({"text": "half"}, "done")
            with session.branch():
                assert session.read({"text": "plain"}).text == "['group'] 1"
        with pytest.raises(Deferred), session.branch():
            session.write({"text": "half"}, "done")
        services.answer = "known"
        with session.branch():
            session.write({"text": "whole"}, "done")
            assert session.read({"text": "plain"}).text == "['whole', 'known'] 1"

    def test_only_the_innermost_branch_is_given_up(self, asking: tuple[Session, Later]) -> None:
        session, _ = asking
        with session.branch():
            session.write({"text": "outer"}, "")
            with session.branch():
                with pytest.raises(Deferred):
                    session.read({"text": "one"})
                for use in (lambda: session.read(QUERY), lambda: session.branch().__enter__()):
                    with pytest.raises(InfrastructureError, match="Leave the branch before"):
                        use()
            assert session.read({"text": "plain"}).text == "['outer'] 1"

    def test_outside_of_a_branch_the_session_is_closed(self, asking: tuple[Session, Later]) -> None:
        session, _ = asking
        with pytest.raises(Deferred):
            session.read({"text": "one"})
        with pytest.raises(InfrastructureError, match="after it had been closed"):
            session.read({"text": "plain"})

    def test_while_loading_nothing_is_left_open(self, sandbox: Sandbox, program: Any, limits: Limits) -> None:
        source = program(init=ASKS.replace("self.", "") % "'at first'")
        with pytest.raises(Deferred, match="at first"):
            sandbox.open(source, Later(), limits)

    def test_a_thread_that_loops_beside_the_question_is_ended_at_once(
        self, sandbox: Sandbox, program: Any, limits: Limits
    ) -> None:
        source = program(
            top="import threading",
            read=f"""
            def loop():
                while True: pass
            if query.text == "plain": return "fine"
            threading.Thread(target=loop).start()
            if os.fork() == 0: loop()
            asker = threading.Thread(target=lambda: {ASKS % "'from a thread'"})
            asker.start()
            loop()
            """,
        )
        with sandbox.open(source, Later(), limits.replace(call_seconds=60)) as session:
            for _ in range(3):
                with pytest.raises(Deferred), session.branch():
                    session.read({"text": "ask"})
            assert session.read({"text": "plain"}).text == "fine"

    def test_a_program_that_will_not_go_is_ended(
        self, sandbox: Sandbox, program: Any, limits: Limits
    ) -> None:
        source = program(
            read=f"os._exit = lambda status: None\nself.notes.append('asked')\n{ASKS % repr('x')}\n"
            "return repr(self.notes)"
        )
        services = Later()
        with sandbox.open(source, services, limits) as session:
            for _ in range(2):
                with pytest.raises(Deferred), session.branch():
                    session.read(QUERY)
            services.answer = "known"
            assert session.read(QUERY).text == "['asked']"


class TestLoading:
    @pytest.mark.parametrize(
        ("changes", "kind", "said"),
        [
            ({"top": "raise OSError('at import')"}, "load", "OSError: at import"),
            ({"init": "self.missing"}, "load", "no attribute 'missing'"),
            ({"top": "del ("}, "load", "SyntaxError"),
            ({"top": "while True: pass"}, "timeout", "load took longer"),
            ({"top": "os._exit(4)"}, "crash", "exited with status 4"),
            ({"top": "x = bytearray(10**9)"}, "memory", "MemoryError"),
        ],
    )
    def test_what_fails_while_loading_is_fatal(
        self,
        sandbox: Sandbox,
        program: Any,
        services: Any,
        limits: Limits,
        changes: dict[str, str],
        kind: str,
        said: str,
    ) -> None:
        with pytest.raises(ProgramError) as caught:
            sandbox.open(program(**changes), services, limits.replace(load_seconds=1))
        assert caught.value.kind == kind
        assert said in caught.value.message
        assert caught.value.fatal

    def test_a_missing_class(self, sandbox: Sandbox, services: Any, limits: Limits) -> None:
        with pytest.raises(ProgramError, match="defines no class KnowledgeItem") as caught:
            sandbox.open("x = 1", services, limits)
        assert caught.value.kind == "contract"


FRAMES = """
def frame(body):
    data = len(body).to_bytes(4, "big") + body
    everywhere(data)

def everywhere(data):
    for descriptor in range(3, 256):
        try: os.write(descriptor, data)
        except OSError: pass

def request_id():
    walk = sys._getframe()
    while walk:
        worker = walk.f_locals.get("self")
        if hasattr(worker, "current"): return worker.current
        walk = walk.f_back
"""


@dataclass(frozen=True)
class Attack:
    """A body for ``read``, and the kinds of failure that it may end in, all of them fatal."""

    name: str
    read: str
    kinds: tuple[str, ...]
    said: str = ""

    @property
    def seconds(self) -> float:
        """Time for the call: little where it is going to be used up."""
        return 0.4 if "timeout" in self.kinds else 10


ATTACKS = [
    Attack("loop", "while True: pass", ("timeout",)),
    Attack("loop in C", "sum(range(10**13))", ("timeout",)),
    Attack("loop in a regex", "import re; re.match('(a+)+b', 'a' * 60)", ("timeout",)),
    Attack("sleep", "time.sleep(999)", ("timeout",)),
    Attack(
        "loop that ignores signals",
        "import signal\nsignal.signal(15, signal.SIG_IGN)\nwhile 1: 1",
        ("timeout",),
    ),
    Attack(
        "callback flood",
        "while True:\n try: self.toolkit.embed(['x'] * 9999)\n except RuntimeError: 0",
        ("timeout",),
    ),
    Attack(
        "completion flood",
        "while True:\n try: self.toolkit.llm_completion([{'role': 'user', 'content': 'x'}])\n"
        " except RuntimeError: 0",
        ("timeout",),
    ),
    Attack(
        "text that lies about its encoding",
        "class Lie(str):\n encode = lambda self, *_: self\n decode = lambda self: 7\nreturn Lie('x')",
        ("protocol",),
    ),
    Attack("slow drip", "while True: everywhere(b'\\0'); time.sleep(9)", ("timeout", "protocol")),
    Attack("_exit", "os._exit(5)", ("crash",), "exited with status 5"),
    Attack("_exit 0", "os._exit(0)", ("crash",), "exited with status 0"),
    Attack("segmentation fault", "import ctypes; ctypes.string_at(0)", ("crash",), "SIGSEGV"),
    Attack("abort", "os.abort()", ("crash",), "SIGABRT"),
    Attack("kills itself", "os.kill(os.getpid(), 9)", ("crash",), "SIGKILL"),
    Attack("stack overflow in C", "import ctypes; ctypes.memset(0, 0, 1)", ("crash",), "SIGSEGV"),
    Attack("closes descriptors", "os.closerange(0, 256)", ("crash",)),
    Attack("stdout flood", "while True: print('x' * 9999)", ("output",)),
    Attack("stderr flood", "while True: print('x' * 9999, file=sys.stderr)", ("output",)),
    Attack("descriptor flood", "while True: os.write(1, b'x' * 9999)", ("output",)),
    Attack("garbage on the channel", "everywhere(b'garbage')\ntime.sleep(9)", ("protocol",)),
    Attack("flood on the channel", "while True: everywhere(b'x' * 99999)", ("protocol",)),
    Attack("empty frames", "while True: everywhere(bytes(4000))", ("protocol",)),
    Attack("NaN", 'frame(b\'{"id": "x", "kind": "done", "value": NaN, "logs": []}\')', ("protocol",)),
    Attack("huge number", "frame(b'{\"id\": ' + b'9' * 10**6 + b'}')", ("protocol",)),
    Attack("deep nesting", "frame(b'[' * 10**6)", ("protocol",)),
    Attack("4 MB of brackets", "frame(b'[' + b'[],' * 1_300_000 + b'[]]')", ("protocol",)),
    Attack("lone surrogate", 'frame(b\'{"id": "\\\\ud800"}\')', ("protocol",)),
    Attack("pickle", "import pickle\nframe(pickle.dumps(print))", ("protocol",)),
    Attack(
        "answer with a guessed id",
        'frame(b\'{"id":"1","kind":"done","value":"x","logs":[]}\')',
        ("protocol",),
    ),
    Attack(
        "result of another type",
        'frame((\'{"id":"%s","kind":"done","value":7,"logs":[]}\' % request_id()).encode())',
        ("protocol",),
    ),
    Attack(
        "death that was not asked for",
        'frame(b\'{"id":"","kind":"left","code":0,"signal":null,"out_of_memory":false}\')',
        ("crash",),
    ),
]


class TestHostile:
    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
    def test_ends_in_a_named_failure(
        self,
        sandbox: Sandbox,
        program: Any,
        services: Any,
        limits: Limits,
        attack: Attack,
        record_attack: Callable[[str, str], None],
    ) -> None:
        with sandbox.open(
            program(top=FRAMES, read=attack.read),
            services,
            limits.replace(call_seconds=attack.seconds),
        ) as session:
            with pytest.raises(ProgramError) as caught, session.branch():
                session.read(QUERY)
            assert caught.value.kind in attack.kinds, caught.value
            assert attack.said in caught.value.message
            assert caught.value.fatal
            with pytest.raises(ProgramError, match="has ended"):
                session.read(QUERY)
        record_attack(attack.name, f"ended: {caught.value.kind}")

    def test_an_answer_given_twice_breaks_the_next_call(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            top=FRAMES,
            read='frame((\'{"id":"%s","kind":"done","value":"forged","logs":[]}\' % request_id()).encode())',
        )
        with sandbox.open(source, services, limits) as session:
            assert session.read(QUERY).text == "forged"  # as if read had returned it
            with pytest.raises(ProgramError) as caught:
                session.read(QUERY)
        assert caught.value.kind in ("protocol", "contract")

    def test_a_patched_harness_harms_only_its_own_session(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        patched = program(read="import json\njson.dumps = lambda *a, **k: 'null'\nreturn ''")
        honest = program(read="return 'fine'")
        with sandbox.open(honest, services, limits) as session:
            with sandbox.open(patched, services, limits) as hostile, pytest.raises(ProgramError):
                hostile.read(QUERY)
            assert session.read(QUERY).text == "fine"
        with sandbox.open(honest, services, limits) as session:
            assert session.read(QUERY).text == "fine"

    def test_a_branch_cannot_outlive_its_drop(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        source = program(
            read="os._exit = lambda status: None\nself.notes.append('asked')\nreturn repr(self.notes)"
        )
        with sandbox.open(source, services, limits) as session:
            for _ in range(2):
                with session.branch():
                    assert session.read(QUERY).text == "['asked']"

    def test_the_environment_has_nothing_of_the_hosts(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
        with sandbox.open(program(read="return repr(sorted(os.environ))"), services, limits) as session:
            names = eval(session.read(QUERY).text)
        allowed = {"HOME", "HOSTNAME", "LANG", "LC_CTYPE", "PATH", "PWD", "PYTHONHASHSEED", "TMPDIR"}
        assert {name for name in names if not name.endswith("_THREADS")} <= allowed

    def test_close_from_another_thread_ends_a_call(
        self, sandbox: Sandbox, program: Any, services: Any, limits: Limits
    ) -> None:
        session = sandbox.open(program(read="while True: pass"), services, limits.replace(call_seconds=60))
        timer = threading.Timer(0.2, session.close)
        timer.start()
        with pytest.raises(InfrastructureError, match="closed while"):
            session.read(QUERY)
        timer.join()
        session.close()
        with pytest.raises(InfrastructureError, match="after it had been closed"):
            session.read(QUERY)


def test_process_leaves_nothing_behind(
    program: Any, process_sandbox: Sandbox, services: Any, limits: Limits
) -> None:
    source = program(
        read="""
        import subprocess
        child = subprocess.Popen(["sleep", "600"])
        for i in range(1500): os.mkdir("d"); os.chdir("d")
        os.chdir(os.environ["TMPDIR"])
        return f"{os.getpid()} {os.getppid()} {child.pid} {os.getcwd()}"
        """
    )
    before = _descriptors()
    with process_sandbox.open(source, services, limits) as session:
        *processes, scratch = session.read(QUERY).text.split()
        assert Path(scratch).is_dir()
    for process in processes:
        assert _ended(int(process))
    assert not Path(scratch).exists()
    assert _descriptors() == before


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _ended(process: int) -> bool:
    """Whether it has gone, or is about to: killed, and not yet collected by its new parent."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False
