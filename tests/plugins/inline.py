"""A sandbox without a process, for tests of what lies above it: its programs are those of the tests."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from evolve.errors import ProgramError
from evolve.records import Fields, Usage
from evolve.sandboxes.protocol import Isolation, Limits, Outcome, Services


class InlineToolkit:
    """What a program's ``toolkit`` is here."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def llm_completion(self, messages: list[dict[str, str]], **options: Any) -> str:
        return self._services.complete(messages, options).text

    def __deepcopy__(self, memo: object) -> InlineToolkit:
        return self


class InlineSession:
    """A program in this process; its state is copied for a branch."""

    def __init__(self, sandbox: InlineSandbox, source: str, services: Services) -> None:
        self._sandbox = sandbox
        self._module = types.ModuleType(f"inline_{id(self)}")
        sys.modules[self._module.__name__] = self._module
        exec(source, self._module.__dict__)
        self._base = self._module.KnowledgeBase(InlineToolkit(services))
        sandbox.sessions.append(self)

    def write(self, item: Fields, raw_text: str) -> Outcome:
        return self._done(lambda: self._base.write(self._module.KnowledgeItem(**item), raw_text))

    def read(self, query: Fields) -> Outcome:
        return self._done(lambda: self._base.read(self._module.Query(**query)))

    def _done(self, call: Any) -> Outcome:
        assert self in self._sandbox.sessions, "used after it was closed"
        try:
            return Outcome(text=call() or "", seconds=0.0, usage=Usage())
        except ProgramError:
            raise
        except Exception as error:
            raise ProgramError("exception", str(error)) from error

    @contextmanager
    def branch(self) -> Iterator[None]:
        before = copy.deepcopy(self._base)
        try:
            yield
        finally:
            self._base = before

    def close(self) -> None:
        if self in self._sandbox.sessions:
            self._sandbox.sessions.remove(self)
            del sys.modules[self._module.__name__]

    def __enter__(self) -> InlineSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class InlineSandbox:
    """``evolve.register.sandbox("inline", InlineSandbox)``."""

    isolation: Isolation = "process"
    opened: ClassVar[list[InlineSandbox]] = []

    def __init__(self) -> None:
        self.sessions: list[InlineSession] = []
        InlineSandbox.opened.append(self)

    def open(self, source: str, services: Services, limits: Limits) -> InlineSession:
        return InlineSession(self, source, services)

    def close(self) -> None:
        for session in list(self.sessions):
            session.close()
