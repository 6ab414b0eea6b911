"""Memory program that runs a command of a proposer in a folder of files; sent into a sandbox by the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

INSTRUCTION_KNOWLEDGE_ITEM = INSTRUCTION_QUERY = INSTRUCTION_RESPONSE = "Not used."
ALWAYS_ON_KNOWLEDGE = ""
MOST_FILE = 400_000


@dataclass
class KnowledgeItem:
    """Whether the files may be changed."""

    writable: bool = False


@dataclass
class Query:
    """Command, as JSON, with its limits, and the files to return, as JSON."""

    command: str = "[]"
    seconds: float = 10.0
    characters: int = 10_000
    wanted: str = "[]"


class KnowledgeBase:
    """Folder of files, and a process in it."""

    def __init__(self, toolkit):
        self.home = os.environ.get("TMPDIR", "/tmp")
        self.folder = os.path.join(self.home, "work")
        os.makedirs(self.folder, exist_ok=True)

    def write(self, item, raw_text):
        """Write the files."""
        folders = {self.folder}
        for path, text in json.loads(raw_text).items():
            target = os.path.join(self.folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            folders.add(os.path.dirname(target))
            with open(target, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            if not item.writable:
                os.chmod(target, 0o444)
        if not item.writable:
            for folder in folders:
                os.chmod(folder, 0o555)

    def read(self, query):
        """Run the command and return its status, output and files as JSON."""
        words = [
            word.replace("{python}", sys.executable).replace("{workdir}", self.folder)
            for word in json.loads(query.command)
        ]
        printed = os.path.join(self.home, "printed")
        environment = {**os.environ, "HOME": self.home, "TMPDIR": self.home}
        with open(printed, "wb") as output:
            process = subprocess.Popen(
                words,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )
            try:
                status = process.wait(query.seconds)
            except subprocess.TimeoutExpired:
                status = None
            if status is None:  # what it started ends with the sandbox
                process.kill()
                process.wait()
        result = {
            "status": status,
            "output": shown(printed, query.characters),
            "files": dict(self.wanted(json.loads(query.wanted))),
        }
        return json.dumps(result)

    def wanted(self, paths):
        """Yield those of the files that are there."""
        for path in paths:
            try:
                with open(os.path.join(self.folder, path), encoding="utf-8", errors="replace") as file:
                    yield path, file.read(MOST_FILE)
            except OSError:
                continue


def shown(path, most):
    """Return the beginning and the end of a file."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(most)
        if size <= most:
            return head.decode("utf-8", "replace")
        file.seek(size - most // 3)
        tail = file.read(most // 3)
    ahead = head[: most - most // 3].decode("utf-8", "replace")
    return f"{ahead}\n[... {size - most} bytes left out ...]\n{tail.decode('utf-8', 'replace')}"
