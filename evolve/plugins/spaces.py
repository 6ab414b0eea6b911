"""Memories of users or agents, side by side: one plug-in, its models and its sandbox serve them all.

spaces/NAME/        folder of a memory, without a cache: that of the folder above serves all
"""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from evolve.agents.protocol import TaskAgent
from evolve.errors import UsageError
from evolve.files.durable import said_as_ours, sync_folder
from evolve.files.inside import refuse_links
from evolve.models.cache import ReplyCache
from evolve.plugins.find import Plugin
from evolve.plugins.folder import REPLIES, SPACES, MemoryFolder, check_fits
from evolve.plugins.keeper import Keeper
from evolve.plugins.locks import SessionSlots
from evolve.plugins.records import MemoryOpened
from evolve.plugins.usage import UsageLog, UsageSettings
from evolve.sandboxes.protocol import Limits, Sandbox, Services

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,98}[A-Za-z0-9])?")
_GONE = ".gone-"


@dataclass(frozen=True)
class Resources:
    """Everything that the memories in one folder share.

    Attributes:
        plugin: the plug-in.
        path: folder of the memory that was loaded; those of its spaces are in it.
        agent: fills the program's fields and answers.
        sandbox: runs the programs.
        services: host services for the programs.
        limits: resource limits of each.
        opened: record of this opening.
        usage: settings of the usage logs; None: no use is logged.
        slots: bound on open sessions.
        reextract: have texts of another schema read again.
        notify: told how much is replayed.
    """

    plugin: Plugin
    path: Path
    agent: TaskAgent
    sandbox: Sandbox
    services: Services
    limits: Limits
    opened: MemoryOpened
    usage: UsageSettings | None
    slots: SessionSlots
    reextract: bool
    notify: Callable[[str], None]

    def keeper(self, folder: MemoryFolder) -> tuple[Keeper, UsageLog]:
        """Return the program of one memory, and its usage log. Nothing is opened yet.

        Raises:
            UsageError: the stored texts are of another schema or plug-in.
        """
        if not self.reextract:
            check_fits(folder, self.opened)
        usage = UsageLog(folder.path, self.usage)
        keeper = Keeper(
            self.plugin.program,
            folder,
            self.sandbox,
            self.services,
            self.limits,
            self.opened,
            self.notify,
            usage=usage,
            erase_replies=self.erase_replies,
            slots=self.slots,
        )
        return keeper, usage

    def erase_replies(self) -> None:
        """Drop all cached replies of models: each may hold a text."""
        if (self.path / REPLIES).exists():
            cache = ReplyCache(self.path / REPLIES)
            try:
                cache.clear()
            finally:
                cache.close()


@dataclass
class SpaceFolders:
    """The folder ``spaces``: a folder for each name. Its lock is that of the memory above it."""

    path: Path
    erase_replies: Callable[[], None]
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for leftover in (self.path / SPACES).glob(f"{_GONE}*"):  # a removal that was killed
            self._remove(leftover)

    def names(self) -> tuple[str, ...]:
        """Return the names of all spaces, sorted."""
        folder = self.path / SPACES
        found = (path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
        return tuple(sorted(_name_of(name) for name in found if not name.startswith(".")))

    def folder(self, name: str) -> Path:
        """Return the folder of the space ``name``; UsageError where that cannot be a name."""
        return self.path / SPACES / folder_name(name)

    def drop(self, name: str) -> bool:
        """Remove the folder of ``name`` with all that is in it, also after a kill; False where there is
        none.
        """
        folder = self.folder(name)
        if not folder.is_dir():
            return False
        refuse_links(folder)
        gone = folder.with_name(f"{_GONE}{secrets.token_hex(4)}")
        with said_as_ours(folder):
            folder.rename(gone)
            sync_folder(folder.parent)
        self._remove(gone)
        return True

    def _remove(self, folder: Path) -> None:
        self.erase_replies()
        with said_as_ours(folder):
            shutil.rmtree(folder)
            sync_folder(folder.parent)


def folder_name(name: str) -> str:
    """Return the name of a space's folder: capitals are escaped, since not all disks tell them apart.

    Example:
        >>> folder_name("user-42"), folder_name("Ada@example.org")
        ('user-42', '%41da@example.org')
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r:.120} cannot be the name of a space: expected at most 100 letters, digits and ._@+-, "
            "the first and the last a letter or digit, such as user-42."
        )
    return "".join(f"%{ord(letter):02x}" if letter.isupper() else letter for letter in name)


def _name_of(folder: str) -> str:
    return re.sub("%(..)", lambda found: chr(int(found[1], 16)), folder)
