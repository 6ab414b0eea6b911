"""Approval gate for acts on the host on behalf of a received file, and the approvals given before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from evolve.errors import InfrastructureError, UsageError
from evolve.files.durable import replace_file
from evolve.trust.acts import Act


class Approvals:
    """Folder with a file for each approved act, named by its digest. Files may be removed at any time.

    Args:
        folder: made with the first approval.

    Example:
        >>> import tempfile
        >>> approvals = Approvals(Path(tempfile.mkdtemp()) / "approved")
        >>> act = Act("connect", "tcp://host:8786")
        >>> approvals.knows(act)
        False
        >>> approvals.remember([act])
        >>> approvals.knows(act)
        True
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str] = os.environ) -> Approvals:
        """Return the approvals in the user's state directory: ``$XDG_STATE_HOME/evolve/approved``."""
        given = Path(environ.get("XDG_STATE_HOME") or "")
        state = given if given.is_absolute() else Path.home() / ".local" / "state"
        return cls(state / "evolve" / "approved")

    def knows(self, act: Act) -> bool:
        """Return whether ``act`` was approved."""
        return (self.folder / act.digest).is_file()

    def remember(self, acts: Iterable[Act]) -> None:
        """Approve ``acts``.

        Raises:
            InfrastructureError: the folder cannot be written.
        """
        fresh = [act for act in acts if not self.knows(act)]
        if not fresh:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InfrastructureError(
                f"{self.folder} cannot be made: {error.strerror or error}.",
                remedy="Set XDG_STATE_HOME to a folder that you can write.",
            ) from error
        for act in fresh:
            replace_file(self.folder / act.digest, f"{act}\n".encode("utf-8", "surrogatepass"))


Ask = Callable[[str], bool]


class Gate:
    """Gate that lets approved acts pass and asks the user to approve others.

    Args:
        approvals: the earlier approvals.
        trust: the user gave ``--trust``.
        ask: shows a question at a terminal and returns the answer; None where nobody can be asked.
        command: the command that approves, for the message.
        notify: called when an approval could not be remembered.
    """

    def __init__(
        self,
        approvals: Approvals,
        *,
        trust: bool = False,
        ask: Ask | None = None,
        command: str = "",
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._approvals = approvals
        self._trust = trust
        self._ask = ask
        self._command = command
        self._notify = notify

    def admit(self, acts: Sequence[Act], *, typed: Iterable[Act] = (), source: str) -> None:
        """Return if ``acts`` are approved, and remember that.

        Args:
            acts: the intended acts.
            typed: acts that the user named on the command line, which approves them.
            source: the file that asks for the acts, for the message.

        Raises:
            UsageError: an act is not approved; the message names it, and the command that approves it.
        """
        own = set(typed)
        unknown = [act for act in acts if act not in own and not self._approvals.knows(act)]
        if unknown and not self._trust:
            listed = "\n".join(f"  - {act}" for act in unknown)
            what = f"{source} was not made or approved by you on this machine, and would:\n{listed}\n"
            if self._ask is None:
                raise UsageError(
                    f"{what}Read it first. To approve exactly this, and be asked again only when it changes, "
                    f"give --trust:\n  {self._command}"
                )
            if not self._ask(f"{what}Approve this, until it changes?"):
                raise UsageError(f"Not approved: nothing of {source} was executed or sent.")
        try:
            self._approvals.remember(acts)
        except InfrastructureError as error:
            self._notify(f"The approval holds for this command only: {error}")


def gate_of(function: str, trust: bool, notify: Callable[[str], None]) -> Gate:
    """Return the gate of a public function: it refuses what was not approved, unless ``trust`` is given."""
    command = f"evolve.{function}(..., trust=True)"
    return Gate(Approvals.of_user(), trust=trust, command=command, notify=notify)
