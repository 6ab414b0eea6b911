"""External command as the proposer: it gets the workspace as a folder, and leaves a program and a message."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from evolve.config.sections import Freeze
from evolve.models.fitting import shortened
from evolve.mutation.agentic.sandboxed import Executed, ProposerSandbox
from evolve.mutation.agentic.transcript import FOLDER, Beginning, Carried, Ending, Transcript
from evolve.mutation.agentic.workspace import ValidationRecord, workspace_of
from evolve.mutation.edits.answer import one_line
from evolve.mutation.freezing import frozen_parts
from evolve.mutation.protocol import MutationContext, Mutator, NoCandidate, Proposal
from evolve.mutation.reflection.vetting import InvalidEdit, Probe, TryOut, child_of
from evolve.records import Became, Try
from evolve.sandboxes import folders

OPERATOR = "command"
PROGRAM, MESSAGE = "program.py", "MESSAGE"
_SHIPPED_BYTES = 1_000_000
_OUTPUT = 20_000
_TASK = """# Task

Make a better memory program of `parent.py`. README.md describes the files here; contract.md says what a
program must have.

Leave two files in this folder:
- `program.py`: the new program, or only the definitions that you change, each whole;
- `MESSAGE`: one sentence on what is changed and why.
"""


class CommandMutator(Mutator):
    """Mutator that runs a command of the user for each candidate.

    Args:
        command: a command of the shell; ``{workdir}`` is the folder, ``{python}`` the interpreter.
        contract: the contract in full, for the workspace.
        record: recorded evaluations on validation tasks.
        try_out: smoke-runs a candidate.
        probe: compares a candidate with its parent; None for no such trial.
        sandbox: runs the command; None: it runs on this machine with the user's rights.
        seconds: most wall time of one run.
        run: directory of the run, where transcripts are kept; None to keep none.
        freeze: part that no candidate may change.
    """

    def __init__(
        self,
        command: str,
        *,
        contract: str,
        record: ValidationRecord,
        try_out: TryOut,
        probe: Probe | None = None,
        sandbox: ProposerSandbox | None = None,
        seconds: float = 900.0,
        run: Path | None = None,
        freeze: Freeze | None = None,
    ) -> None:
        self._command = command
        self._contract = contract
        self._record = record
        self._try_out = try_out
        self._probe = probe
        self._sandbox = sandbox
        self._seconds = seconds
        self._run = run
        self._freeze: Freeze | None = freeze

    @property
    def identity(self) -> str:
        """The command, its place and its limits."""
        place = "sandboxed" if self._sandbox else "host"
        return f"command/1/{place}/{self._seconds:g}/{self._freeze}/{self._command}"

    def mutate(self, context: MutationContext, rng: random.Random) -> Proposal | NoCandidate:
        """Return the program that the command leaves, or the reason why there is none.

        Raises:
            InfrastructureError: the sandbox failed, or the transcript could not be written.
        """
        workspace = workspace_of(context, self._record, contract=self._contract)
        key = hashlib.sha256(f"{self.identity}\0{context.program.id}".encode()).hexdigest()[:16]
        beginning = Beginning(
            key=key,
            number=context.number,
            parent=context.parent.number,
            proposer=f"command: {self._command}",
            files=len(workspace.files),
        )
        path = None if self._run is None else self._run / FOLDER / f"{context.number}.jsonl"
        transcript = Transcript(path, beginning)
        try:
            done = next((line for line in transcript.lines if isinstance(line, Carried)), None)
            if done is None:
                done = self._carried(context, {**workspace.files, "TASK.md": _TASK})
                transcript.add(done)
                transcript.add(Ending(reason="submitted" if done.message else done.call))
        finally:
            transcript.close()
        reason = "" if done.message else done.call
        tries = (Try(kind="draw", form=OPERATOR, became=done.became or "lost", reason=reason),)
        if reason:
            return NoCandidate(OPERATOR, done.call, tries=tries)
        program = type(context.program)(done.program)
        return Proposal(program, OPERATOR, done.message, (context.parent.number,), tries=tries)

    def _carried(self, context: MutationContext, files: Mapping[str, str]) -> Carried:
        """Run the command; the reason why there is no candidate is the result's ``call``."""
        began = time.monotonic()
        command, shipped = shipped_with(self._command) if self._sandbox else (self._command, {})
        if self._sandbox is not None:
            ran = self._sandbox.run(
                ["/bin/sh", "-c", command],
                {**files, **shipped},
                seconds=self._seconds,
                characters=_OUTPUT,
                writable=True,
                wanted=(PROGRAM, MESSAGE),
            )
        else:
            ran = _run_here(command, files, self._seconds)
        carried = self._vetted(context, ran)
        return carried.model_copy(update={"text": ran.output, "seconds": time.monotonic() - began})

    def _vetted(self, context: MutationContext, ran: Executed) -> Carried:
        last = one_line(ran.output.strip().rpartition("\n")[2], 200)
        said = f": {last}" if last else ""
        if ran.status is None:
            return _nothing(f"the command did not end within {self._seconds:g} s{said}")
        if ran.status:
            return _nothing(f"the command ended with exit status {ran.status}{said}")
        source = ran.files.get(PROGRAM, "")
        if not source.strip():
            return _nothing(f"the command left no {PROGRAM} in its folder{said}")
        ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`{3,}", source)), default=0))
        message = one_line(ran.files.get(MESSAGE, ""))
        head = f"MESSAGE: {message}\n\n" if message else ""
        frozen = frozen_parts(context.program, "everything", self._freeze)
        answer = f"{head}{ticks}python\n{source}\n{ticks}"
        try:
            child = child_of(
                answer,
                context,
                frozen,
                "definitions",
                self._try_out,
                probe=self._probe,
                finished=True,
            )
        except InvalidEdit as invalid:
            return _nothing(one_line(f"its program was refused: {invalid.reason}", 400), invalid.became)
        return Carried(
            call=OPERATOR,
            text="",
            became="valid",
            program=child.program.source,
            message=child.message or "A change by the command",
        )


def _nothing(reason: str, became: Became = "lost") -> Carried:
    return Carried(call=reason, text="", became=became)


def shipped_with(command: str) -> tuple[str, dict[str, str]]:
    """Return a command for the sandbox, with the text files that it names: they are copied into the folder.

    Programs of the system are not copied, since the sandbox has its own.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return command, {}
    found: dict[str, str] = {}
    for word in words:
        path = Path(word).expanduser()
        if "{" in word or not path.is_file() or path.stat().st_size > _SHIPPED_BYTES:
            continue
        with suppress(UnicodeDecodeError):
            name = f"command/{path.name}"
            found[name] = path.read_text("utf-8")
            command = command.replace(word, f"{{workdir}}/{name}")
    return command, found


def _run_here(command: str, files: Mapping[str, str], seconds: float) -> Executed:
    """Run a command on this machine, with the rights, keys and network of the user."""
    scratch = Path(folders.make())
    work, printed = scratch / "work", scratch / "printed"
    try:
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text, "utf-8", errors="replace")
        filled = command.replace("{workdir}", shlex.quote(str(work))).replace("{python}", sys.executable)
        with printed.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/sh", "-c", filled],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said = shortened(printed.read_text("utf-8", errors="replace")[: 10 * _OUTPUT], _OUTPUT)
        left = {name: _left(work / name) for name in (PROGRAM, MESSAGE)}
        return Executed(status=status, output=said, files={n: text for n, text in left.items() if text})
    finally:
        folders.remove(str(scratch))


def _left(path: Path) -> str:
    """Return the text of a file that the command left; empty where there is none, or a link."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _SHIPPED_BYTES:
        return ""
    return path.read_text("utf-8", errors="replace")
