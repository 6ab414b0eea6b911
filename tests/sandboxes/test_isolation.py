"""Programs that keep what they were asked, for later reads or for another group, find nothing of it again.

Part of what every backend promises, as ``conformance.py``: each program runs on each backend. What a bare
process does not hold back is marked.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from evolve.errors import ProgramError
from evolve.sandboxes.protocol import Limits, Sandbox

GROUPS = ("ada", "bob")
READS = 4


@dataclass(frozen=True)
class Keeper:
    """What a program does to keep a text, and to find those that it has kept.

    Attributes:
        init: makes what it keeps them in.
        keep: keeps ``text``.
        find: puts what was kept into the list ``found``.
        refused: what the failure says that the program ends with; empty: it runs, and finds nothing.
        bare: whether a bare process holds it back too.
    """

    name: str
    init: str
    keep: str
    find: str
    refused: str = ""
    bare: bool = True


KEEPERS = [
    Keeper(
        "shared memory",
        init="import mmap; self.place = mmap.mmap(-1, 1 << 16)",
        keep="self.place.seek(self.place.rfind(b';') + 1); self.place.write(text.encode() + b';')",
        find="found += [self.place[:].decode('latin-1').strip(chr(0))]",
        refused="memory that is shared",
    ),
    Keeper(
        "pipe",
        init="self.reading, self.writing = os.pipe(); os.set_blocking(self.reading, False)",
        keep="os.write(self.writing, text.encode())",
        find="""
        try: found += [os.read(self.reading, 1 << 16).decode()]
        except BlockingIOError: pass
        """,
        refused="which is a pipe",
    ),
    Keeper(
        "memory file",
        init="self.file = os.memfd_create('kept')",
        keep="os.pwrite(self.file, text.encode(), os.fstat(self.file).st_size)",
        find="found += [os.pread(self.file, 1 << 16, 0).decode()]",
        refused="Operation not permitted",
    ),
    Keeper(
        "file without a name",
        init="self.file = os.open('.', os.O_TMPFILE | os.O_RDWR)",
        keep="os.pwrite(self.file, text.encode(), os.fstat(self.file).st_size)",
        find="found += [os.pread(self.file, 1 << 16, 0).decode()]",
        refused="a file without a name",
    ),
    Keeper(
        "pair of sockets",
        init="import socket; self.one, self.other = socket.socketpair(); self.one.setblocking(False)",
        keep="self.other.send(text.encode())",
        find="""
        try: found += [self.one.recv(1 << 16).decode()]
        except BlockingIOError: pass
        """,
        refused="which is a socket",
    ),
    Keeper(
        "daemon behind an abstract socket",
        init="""
        import socket
        self.address = f"\\0evolve-{os.getpid()}-{time.time_ns()}"
        try: server = socket.socket(socket.AF_UNIX); server.bind(self.address); server.listen()
        except OSError: server = None
        if os.fork() == 0:
            seen = b""
            while True:
                connection, _ = server.accept()
                connection.sendall(seen + b"!")
                seen += connection.recv(1 << 16)
                connection.close()
        if server: server.close()
        """,
        keep="""
        import socket
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(self.address)
                found += [client.recv(1 << 16).decode()]
                client.sendall(text.encode())
        except OSError: pass
        """,
        find="pass",
    ),
    Keeper(
        "position of an open file",
        init="self.file = os.open(os.__file__, os.O_RDONLY)",
        keep="os.lseek(self.file, int.from_bytes(text.encode()[-5:], 'big'), os.SEEK_SET)",
        find="""
        place = os.lseek(self.file, 0, os.SEEK_CUR)
        found += [place.to_bytes(8, "big").decode("latin-1")]
        """,
    ),
    Keeper(
        "signals to the process before it",
        init="""
        import signal
        self.count = 0
        def more(*_): self.count += 1
        signal.signal(signal.SIGWINCH, more)
        """,
        keep="""
        import signal
        for _ in range(1 + len(text) % 10):
            os.kill(os.getppid(), signal.SIGWINCH)
            time.sleep(0.002)
        """,
        find="found += ['counted'] * (self.count > 0)",
    ),
    Keeper(
        "files, with the clearing away of files patched away",
        init="""
        import importlib
        for name in ("scratch", "processes", "worker"):
            try: module = importlib.import_module(name)
            except ImportError: continue
            for kind in list(vars(module).values()):
                if hasattr(kind, "restore"): kind.restore = lambda self: None
        """,
        keep="open('kept', 'a').write(text)",
        find="found += [open('kept').read()] if os.path.exists('kept') else []",
    ),
    Keeper(
        "numbers of the files that were replaced",
        init="""
        for i in range(40): open(f"{i}", "w").close()
        self.numbers = [os.stat(f"{i}").st_ino for i in range(40)]
        """,
        keep="""
        for i in range(40):
            if int.from_bytes(text.encode()[-5:], "big") >> i & 1:
                os.remove(f"{i}")
                open(f"{i}", "w").close()
        if text.startswith("write"): self.numbers = [os.stat(f"{i}").st_ino for i in range(40)]
        """,
        find="""
        replaced = [os.stat(f"{i}").st_ino != self.numbers[i] for i in range(40)]
        found += [sum(bit << i for i, bit in enumerate(replaced)).to_bytes(8, "big").decode("latin-1")]
        """,
    ),
    Keeper(
        "names of message queues",
        init="pass",
        keep="""
        try: open("/dev/mqueue/" + text, "w").close()
        except OSError: pass
        """,
        find="found += os.listdir('/dev/mqueue') if os.path.isdir('/dev/mqueue') else []",
        bare=False,  # where the machine has that folder
    ),
    Keeper(
        "named pipe that is held open",
        init="os.mkfifo('fifo'); self.file = os.open('fifo', os.O_RDWR | os.O_NONBLOCK)",
        keep="os.write(self.file, text.encode())",
        find="""
        try: found += [os.read(self.file, 1 << 16).decode()]
        except BlockingIOError: pass
        """,
        refused="descriptor",
    ),
]


def source_of(program: Callable[..., str], keeper: Keeper) -> str:
    def steps(*parts: str) -> str:
        return "\n".join(textwrap.dedent(part).strip() for part in parts)

    return program(
        init=textwrap.dedent(keeper.init),
        write=steps("found, text = [], raw_text", keeper.keep),
        read=steps("found, text = [], query.text", keeper.find, keeper.keep, "return repr(found)"),
    )


def kept_from_others(sandbox: Sandbox, source: str, limits: Limits) -> list[str]:
    """What the reads of a session find that belongs to other reads or to the other group."""
    leaked, asked, no_services = [], [], None
    with sandbox.open(source, no_services, limits) as session:  # type: ignore[arg-type]
        for group in GROUPS:
            with session.branch():
                session.write({"text": group}, f"write-{group}")
                for number in range(READS):
                    with session.branch():
                        said = session.read({"text": f"ask-{group}{number}"}).text
                    leaked += [text for text in asked if text[-5:] in said or "counted" in said]
                    asked.append(f"ask-{group}{number}")
            asked.append(f"write-{group}")
    return leaked


@pytest.mark.parametrize("keeper", KEEPERS, ids=lambda keeper: keeper.name)
def test_confinement_of_a_read(
    sandbox: Sandbox,
    program: Any,
    limits: Limits,
    keeper: Keeper,
    record_attack: Callable[[str, str], None],
) -> None:
    if sandbox.isolation == "process" and not keeper.bare:
        pytest.skip("a bare process shares this with the machine")
    source = source_of(program, keeper)
    outcome = "gains nothing"
    if keeper.refused:
        with pytest.raises(ProgramError, match=keeper.refused) as caught:
            kept_from_others(sandbox, source, limits)
        assert caught.value.fatal
        outcome = f"ended: {caught.value.kind}"
    else:
        assert not kept_from_others(sandbox, source, limits)
    record_attack(f"keeps queries: {keeper.name}", outcome)


def test_what_is_opened_and_closed_within_a_call_is_no_breach(
    sandbox: Sandbox, program: Any, limits: Limits
) -> None:
    source = program(
        top="import mmap, sqlite3, subprocess\nimport numpy as np",
        init="""
        self.db = sqlite3.connect(":memory:")
        self.file = sqlite3.connect("notes.db")
        self.file.execute("create table notes (text)")
        self.log = open("log.txt", "a+")
        self.words = np.arange(1000).reshape(10, 100)
        """,
        write="self.file.execute('insert into notes values (?)', (raw_text,)); self.file.commit()",
        read="""
        with mmap.mmap(-1, 4096) as shared: shared[:4] = b"here"
        reading, writing = os.pipe()
        self.log.write(query.text); self.log.flush(); self.log.seek(0)
        said = subprocess.run(["echo", "said"], capture_output=True, text=True).stdout.strip()
        stored = self.file.execute("select text from notes").fetchall()
        return repr((said, stored, self.log.read(), int((self.words @ self.words.T).trace())))
        """,
    )
    with sandbox.open(source, None, limits) as session:  # type: ignore[arg-type]
        for group in ("a", "b"):
            with session.branch():
                session.write({"text": "x"}, group)
                for number in range(3):
                    with session.branch():
                        assert session.read({"text": f"q{number}"}).text == repr(
                            ("said", [(group,)], f"q{number}", 332833500)
                        )
