"""Simulators that are not ours, each behind an ``Environment`` and in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evolve.environment import Observation
from evolve.environments.player import Player
from evolve.errors import InfrastructureError, UsageError

PYTHON = "EVOLVE_SIMULATOR_PYTHON"
"""Environment variable: the interpreter that simulators run in, if not this one."""
_PLAYERS = Path(__file__).parent / "players"


@dataclass(frozen=True)
class Simulator:
    """A simulator that can be started.

    Attributes:
        name: what messages call it.
        script: the file in ``players/`` that plays it.
        packages: what must be importable.
        programs: what must be on the ``PATH``: program → how Debian calls its package.
        extra: the extra of this distribution that installs them.
        start_seconds: deadline for opening a game, and for going back to its start.
        step_seconds: deadline of a step.
    """

    name: str
    script: str
    packages: tuple[str, ...]
    extra: str
    start_seconds: float = 120.0
    step_seconds: float = 60.0
    programs: Mapping[str, str] = field(default_factory=dict)

    def require(self) -> None:
        """Check that it is installed.

        Raises:
            UsageError: it is not; the message says how to get it.
        """
        python = interpreter()
        lacking = [name for name in self.packages if not _has(python, name)]
        if lacking:
            raise UsageError(
                f"{self.name} needs the Python package {' and '.join(lacking)}, not installed for {python}. "
                f'Install it with: pip install "evolve-memory[{self.extra}]". Or install it into an '
                f"environment of its own and name that one's interpreter in ${PYTHON}."
            )
        for program, package in self.programs.items():
            if shutil.which(program) is None:
                raise UsageError(
                    f"{self.name} needs the program {program}, which is not on the PATH. Install it: on "
                    f"Debian and Ubuntu, apt-get install {package}."
                )

    def play(self, opening: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> Played:
        """Start it with one game.

        Args:
            opening: what its script needs to open the game; plain JSON.
            variables: environment variables for it.

        Raises:
            InfrastructureError: it could not be started or could not open the game in time.
        """
        return self.played(self.start(variables), opening)

    def played(self, player: Player, opening: Mapping[str, Any]) -> Played:
        """Open a game, or the next one, in a ``player`` that runs. The caller closes it."""
        player.ask({"do": "open", **opening}, self.start_seconds)
        return Played(self, player)

    def start(self, variables: Mapping[str, str] | None = None) -> Player:
        """Start the simulator without a game."""
        command = [interpreter(), "-s", "-B", "-u", str(_PLAYERS / self.script)]
        remedy = f"Check the installation of {self.name} and its game files."
        return Player(self.name, command, variables=variables, remedy=remedy)


class Played:
    """Environment of one game, played in a process of its own."""

    def __init__(self, simulator: Simulator, player: Player) -> None:
        self._simulator = simulator
        self._player = player

    def reset(self) -> Observation:
        """See ``Environment.reset``."""
        return self._seen(self._player.ask({"do": "reset"}, self._simulator.start_seconds))

    def step(self, command: str) -> Observation:
        """See ``Environment.step``."""
        return self._seen(self._player.ask({"do": "step", "command": command}, self._simulator.step_seconds))

    def close(self) -> None:
        """See ``Environment.close``."""
        self._player.close()

    def _seen(self, reply: Mapping[str, Any]) -> Observation:
        try:
            return Observation(
                text=str(reply["text"]),
                commands=tuple(map(str, reply["commands"])),
                reward=min(1.0, max(0.0, float(reply["reward"]))),
                done=bool(reply["done"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            self.close()
            raise InfrastructureError(
                f"{self._simulator.name} sent an observation that cannot be read: {error!r}.",
                remedy="Check that the installed version is one of the extra's.",
            ) from None


def interpreter() -> str:
    """The Python that simulators run in."""
    return os.environ.get(PYTHON) or sys.executable


def _has(python: str, package: str) -> bool:
    """Return whether ``python`` can find ``package``, without importing it."""
    if python == sys.executable:
        return importlib.util.find_spec(package) is not None
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    try:
        return subprocess.run([python, "-s", "-c", look], timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(
            f"${PYTHON} names {python}, which cannot be run: {error}. Expected the path of an interpreter."
        ) from error


def kept(name: str, tell: Callable[[], Any]) -> Any:
    """Return the plain JSON of ``tell``, from the user's cache if it was called before under ``name``.

    An unreadable cache file is replaced. A process that is killed half-way leaves no file.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "evolve" / "made" / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        told = tell()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(told), "utf-8")
    part.replace(path)
    return told
