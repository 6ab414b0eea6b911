"""Options of a program's container: all that isolates it from the host, for Docker and Podman."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evolve import resources
from evolve.sandboxes import reaper, seccomp
from evolve.sandboxes.engine import Engine
from evolve.sandboxes.payload import ENVIRONMENT, INTERPRETER_FLAGS, worker_source
from evolve.sandboxes.protocol import Limits

if TYPE_CHECKING:
    from docker import DockerClient

NOBODY = 65534
OPEN_FILES = 256
CPU_SECONDS = 7_200
SHARED_MEMORY_MB = 16
SCRATCH_FILES = 4096
SCRATCH = ("/tmp", "/dev/shm", "/dev/mqueue")  # the only writable place
PROCESSES_OF_USER = 4096
"""Limit on all processes of the containers' user, where the engine would set its own (Podman)."""


def container_options(
    client: DockerClient, image: str, limits: Limits, *, engine: Engine, numpy: bool = True
) -> dict[str, Any]:
    """Return the arguments of ``create_container``: the image, the worker's text as its command, and the
    limits.
    """
    from docker.types import LogConfig

    scratch = limits.scratch_mb << 20
    host_config = client.api.create_host_config(
        auto_remove=True,  # the worker ends when its host does, and leaves nothing
        network_mode="none",
        read_only=True,
        tmpfs={"/tmp": f"size={scratch},{_files(engine)}mode=1777,noexec,nosuid,nodev"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", f"seccomp={_seccomp(engine)}"],
        pids_limit=limits.processes,
        mem_limit=limits.memory_mb << 20,
        memswap_limit=limits.memory_mb << 20,
        nano_cpus=1_000_000_000,
        ipc_mode="private",
        shm_size=SHARED_MEMORY_MB << 20,
        log_config=LogConfig(type="none"),
        ulimits=_ulimits(engine, scratch),
    )
    return {
        "image": image,
        "entrypoint": ["python3"],
        "command": [*INTERPRETER_FLAGS, worker_source(*SCRATCH, numpy=numpy)],
        "environment": {**ENVIRONMENT, "HOME": "/tmp", "TMPDIR": "/tmp"},
        "user": f"{NOBODY}:{NOBODY}",
        "working_dir": "/tmp",
        "stop_signal": "SIGKILL",  # an engine that stops need not wait for a program that ignores it
        "stdin_open": True,  # and not detached: the engine closes stdin when the host's connection ends
        "tty": False,
        "use_config_proxy": False,
        "labels": reaper.labels(),
        "host_config": host_config,
    }


def _files(engine: Engine) -> str:
    """Return the mount option for the number of files; Podman has none, and their inodes count as memory."""
    return "" if engine.podman else f"nr_inodes={SCRATCH_FILES},"


def _seccomp(engine: Engine) -> str:
    """Return the filter as the engine takes it: Docker its text, Podman the name of a file on its side."""
    return str(resources.folder("sandbox") / "seccomp.json") if engine.podman else seccomp.profile()


def _ulimits(engine: Engine, file_bytes: int) -> list[Any]:
    from docker.types import Ulimit

    limits = {"nofile": OPEN_FILES, "fsize": file_bytes, "core": 0, "cpu": CPU_SECONDS}
    if engine.podman:  # else it sets its configured value, which the machine may not allow
        limits["nproc"] = PROCESSES_OF_USER
    return [Ulimit(name=name, soft=value, hard=value) for name, value in limits.items()]
