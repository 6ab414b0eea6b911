"""Acts that this user approved on this machine, by the hash of their content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from evolve.errors import InfrastructureError
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
