"""Consequences of a configuration outside of the sandbox: code on the host, addresses, keys, files.

A configuration that only names packaged benchmarks and programs, which run in a sandbox, has none.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import JsonValue

from evolve.benchmark import BenchmarkLocation, data_of, find, locate
from evolve.config import CampaignConfig, Limits, RoleConfig, SandboxConfig, merged
from evolve.config.models import FITTED, MODEL2VEC, benchmark_names
from evolve.errors import UsageError
from evolve.kinds import OBJECT
from evolve.registry import REGISTRY

_SANDBOXED = "in the sandbox, with the text files that it names"
_UNSANDBOXED = "with your rights, keys and network"
_SHOWN = 12  # digits of a hash in a message
_LIMITS = tuple(name for name in SandboxConfig.model_fields if name not in ("backend", "pool"))


@dataclass(frozen=True)
class Act:
    """Act of a command on the host on behalf of a file.

    Attributes:
        kind: ``execute``, ``play``, ``command``, ``connect``, ``ask``, ``fetch``, ``write`` or ``limit``.
        subject: a path, an address, or the name of a setting.
        detail: the hash of a file's content, the variable that is sent, or the value of a setting.
    """

    kind: str
    subject: str
    detail: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the act, in hexadecimal: the key of its approval."""
        text = json.dumps([self.kind, self.subject, self.detail])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def __str__(self) -> str:
        if self.kind == "execute":
            return f"execute the file {self.subject} (sha256 {self.detail[:_SHOWN]}…) with your rights"
        if self.kind == "play":
            return (
                f"play the games in {self.subject} (sha256 {self.detail[:_SHOWN]}…) in a simulator, which "
                "executes code in them with your rights"
            )
        if self.kind == "command":
            return f"run the command {self.subject!r} for each candidate, {self.detail}"
        if self.kind == "connect":
            return f"connect to the Dask scheduler {self.subject}, which can have code run in this process"
        if self.kind == "ask":
            return f"send questions to {self.subject}, with the key in {self.detail}"
        if self.kind == "fetch":
            return f"have {self.detail} fetch {self.subject} over the network"
        if self.kind == "write":
            return f"keep model replies in the file {self.subject}"
        return f"let programs use {self.subject} = {self.detail}, more than the default"


def execution(place: BenchmarkLocation) -> Iterator[Act]:
    """Return the act of loading the benchmark at ``place``; empty for a packaged one and for a folder of
    data.
    """
    if place.code is None:
        return
    try:
        data = place.code.read_bytes()
    except OSError as error:
        raise UsageError(f"{place.code} cannot be read: {error.strerror or error}.") from error
    yield Act("execute", str(place.code.resolve()), hashlib.sha256(data).hexdigest())


def playing(benchmark: str, data_dir: Path | None) -> Iterator[Act]:
    """The act of having games in ``data_dir`` played; none for the default folder and where it has none.

    Args:
        benchmark: name or path. For a file of somebody else, ``execution`` is asked for instead.

    Raises:
        UsageError: there is no such benchmark, or a game cannot be read.
    """
    if data_dir is None or locate(benchmark).code is not None:
        return
    folder = data_dir.expanduser().resolve()
    sums = hashlib.sha256()
    files = find(benchmark).played(folder)
    for file in files:
        try:
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror or error}.") from error
        sums.update(f"{content}  {file.relative_to(folder)}\n".encode("utf-8", "surrogatepass"))
    if files:
        yield Act("play", str(folder), sums.hexdigest())


def played_in(acts: Iterable[Act], data_dir: object) -> list[Act]:
    """Return those of ``acts`` that play games below ``data_dir``, which the caller named."""
    if data_dir is None:
        return []
    folder = Path(str(data_dir)).expanduser().resolve()
    return [act for act in acts if act.kind == "play" and Path(act.subject).is_relative_to(folder)]


def acts_of(config: CampaignConfig, *, recorded: bool) -> list[Act]:
    """Return every act of a campaign with ``config`` outside of the sandbox, once each.

    Args:
        recorded: the configuration is that of a run directory. Then models at their provider's own address
            with its usual key count too, and limits above the defaults: a resuming user names neither.

    Raises:
        UsageError: there is no such benchmark, or its file cannot be read.
    """
    found = _benchmark_acts(config)
    found += _model_acts(config, recorded=recorded)
    if config.search.proposer == "command" and config.search.proposer_command:
        place = _UNSANDBOXED if config.search.proposer_unsandboxed else _SANDBOXED
        found.append(Act("command", config.search.proposer_command, place))
    if config.cluster:
        found.append(Act("connect", config.cluster))
    if config.models.cache is not None:
        found.append(Act("write", str(config.models.cache)))
    if recorded:
        found += _raised(config.sandbox)
    return list(dict.fromkeys(found))


def typed_acts(overrides: Mapping[str, Any]) -> list[Act]:
    """Return acts that the caller's own settings name, which approves them.

    A folder's name approves its data, but not a ``benchmark.py`` in it.

    Args:
        overrides: dotted key → value, of the command line or of a call.
    """
    found = acts_of(merged(CampaignConfig(), overrides), recorded=True)
    typed = benchmark_names(str(overrides.get("benchmark", "")))
    files = {str(Path(name).expanduser().resolve()) for name in typed if name.endswith(".py")}
    return [act for act in found if act.kind != "execute" or act.subject in files]


def _benchmark_acts(config: CampaignConfig) -> list[Act]:
    names = benchmark_names(config.benchmark)
    found: list[Act] = []
    for name in names:
        place = locate(name)
        data_dir = config.data_dir if len(names) == 1 else data_of(place, config.data_dir)
        found += [*execution(place), *playing(name, data_dir)]
    return found


def _model_acts(config: CampaignConfig, *, recorded: bool) -> Iterator[Act]:
    models = config.models
    for role in (models.task, models.toolkit, models.judge, models.embedding, *models.reflecting):
        registered = role.model.startswith(OBJECT) or REGISTRY.has("embedder", role.model)
        here = registered or role.model in FITTED
        if role.is_offline or (here and role is models.embedding):
            continue
        if role.model.startswith(MODEL2VEC):
            where = role.model.removeprefix(MODEL2VEC)
            if not Path(where).is_dir():
                yield Act("fetch", where, "model2vec")
            continue
        addresses = [*([role.api_base] if role.api_base else []), *_addresses(role.parameters)]
        local = all(map(_is_this_machine, addresses))
        if local and not (role.key_env or recorded):
            continue
        provider = f"the provider of {role.model}"
        for address in addresses or [provider]:
            yield Act("ask", address, _variable(role))


def _variable(role: RoleConfig) -> str:
    if role.key_env:
        return f"the environment variable {role.key_env}"
    return f"the usual variable of {role.model.partition('/')[0]}"


def _addresses(value: JsonValue) -> Iterator[str]:
    """Return addresses at any depth of a call's parameters, which may name another server than
    ``api_base``.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and name.lower() in ("api_base", "base_url", "host", "endpoint"):
                yield inner
            else:
                yield from _addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _addresses(inner)
    elif isinstance(value, str) and "://" in value:
        yield value


def _is_this_machine(address: str) -> bool:
    """Return whether ``address`` surely leads to no other machine."""
    if re.search(r"[\\@\s]", address):  # libraries parse these differently
        return False
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _raised(sandbox: SandboxConfig) -> Iterator[Act]:
    usual = Limits().model_dump()
    for name in _LIMITS:
        value = getattr(sandbox, name)
        if value > usual[name]:
            yield Act("limit", f"sandbox.{name}", str(value))
