from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError, UsageError
from evolve.sandboxes import engine, reaper, seccomp
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.image import Recipe, ensure_image
from evolve.sandboxes.payload import worker_source
from evolve.sandboxes.protocol import Limits, Sandbox

RECIPE = Recipe(dockerfile="FROM x", requirements="numpy", base="base:1")


def test_the_tag_changes_with_what_is_in_the_image_only() -> None:
    assert RECIPE.tag == Recipe("FROM x", "numpy", "base:1", certificates=b"PEM").tag
    others = {
        Recipe("FROM y", "numpy", "base:1").tag,
        Recipe("FROM x", "", "base:1").tag,
        Recipe("FROM x", "numpy").tag,
    }
    assert len(others | {RECIPE.tag}) == 4


def test_the_recipe_is_read_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    (tmp_path / "numpy-2-none.whl").write_text("wheel")
    environment = {
        "EVOLVE_SANDBOX_BASE": "mine:1",
        "EVOLVE_SANDBOX_CA": str(tmp_path / "ca.pem"),
        "EVOLVE_SANDBOX_WHEELS": str(tmp_path),
    }
    recipe = Recipe.from_environment(environment)
    assert (recipe.base, recipe.certificates) == ("mine:1", b"PEM")
    assert [wheel.name for wheel in recipe.wheels] == ["numpy-2-none.whl"]
    with pytest.raises(UsageError, match="EVOLVE_SANDBOX_CA"):
        Recipe.from_environment({"EVOLVE_SANDBOX_CA": str(tmp_path / "missing.pem")})


@pytest.mark.parametrize("compiled", [True, False])
def test_the_worker_fits_into_one_argument(compiled: bool) -> None:
    source = worker_source("/scratch", compiled=compiled)
    assert len(source.encode()) < 125_000  # Linux allows 128 KiB
    compile(source, "<worker>", "exec")


@pytest.fixture
def client(docker_sandbox: Sandbox) -> Any:
    client = engine.connect()
    yield client
    client.close()


@pytest.mark.docker
def test_every_restriction_is_in_force(
    client: Any, docker_sandbox: Sandbox, program: Any, services: Any
) -> None:
    with docker_sandbox.open(program(), services, Limits(memory_mb=300, processes=40, scratch_mb=32)):
        ours = client.api.containers(
            filters={"label": [f"{key}={value}" for key, value in reaper.labels().items()]}
        )
        inspected = client.api.inspect_container(max(ours, key=lambda container: container["Created"])["Id"])
    config, host = inspected["Config"], inspected["HostConfig"]
    assert config["User"] == "65534:65534"
    assert config["Tty"] is False
    assert config["OpenStdin"] is config["StdinOnce"] is True
    assert not [entry for entry in config["Env"] if "proxy" in entry.lower()]
    assert host["NetworkMode"] == "none"
    assert host["ReadonlyRootfs"] is True
    assert host["Privileged"] is False
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert f"seccomp={seccomp.profile()}" in host["SecurityOpt"]
    assert host["PidsLimit"] == 40
    assert host["Memory"] == host["MemorySwap"] == 300 << 20
    assert host["NanoCpus"] == 10**9
    assert host["IpcMode"] == "private"
    assert host["ShmSize"] == 16 << 20
    assert host["LogConfig"]["Type"] == "none"
    assert host["AutoRemove"] is True
    assert not host["Binds"]
    assert not inspected["Mounts"]
    assert host["Tmpfs"] == {"/tmp": f"size={32 << 20},nr_inodes=4096,mode=1777,noexec,nosuid,nodev"}
    assert {limit["Name"]: limit["Hard"] for limit in host["Ulimits"]} == {
        "nofile": 256,
        "fsize": 32 << 20,
        "core": 0,
        "cpu": 7200,
    }


@pytest.mark.docker
def test_closing_leaves_no_container_and_no_descriptor(
    client: Any, docker_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    sandbox = DockerSandbox(engine.connect(), Recipe.from_environment().tag)
    for _ in range(2):
        sandbox.open(program(), services, limits).close()
    left_open = sandbox.open(program(), services, limits)
    sandbox.close()
    assert descriptors() == before
    with pytest.raises(InfrastructureError):
        left_open.read({"text": ""})
    label = f"{reaper.PROCESS}={reaper.labels()[reaper.PROCESS]}"
    assert _eventually(lambda: not client.api.containers(all=True, filters={"label": label}))


HOST = """
import sys, time
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.protocol import Limits
sandbox = DockerSandbox.connect(pool=int(sys.argv[1]))
source = sys.stdin.read()
session = sandbox.open(source, None, Limits())
print("open", flush=True)
session.read({"text": ""})
"""


@pytest.mark.docker
@pytest.mark.parametrize("waiting", [0, 1])
def test_a_killed_host_leaves_no_container_five_seconds_later(
    client: Any, program: Any, waiting: int
) -> None:
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(waiting)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert host.stdin is not None
    assert host.stdout is not None
    host.stdin.write(program(read="sum(range(10**13))"))  # in C: no signal handler would ever run
    host.stdin.close()
    assert host.stdout.readline() == "open\n"
    label = f"{reaper.PROCESS}={host.pid}:"
    of_host = lambda: [  # noqa: E731
        container
        for container in client.api.containers(all=True, filters={"label": reaper.PROCESS})
        if f"{reaper.PROCESS}={container['Labels'][reaper.PROCESS]}".startswith(label)
    ]
    assert _eventually(lambda: [entry["State"] for entry in of_host()] == ["running"] * (1 + waiting))
    host.kill()
    host.wait()
    host.stdout.close()
    assert _eventually(lambda: not of_host())


@pytest.mark.docker
def test_what_dead_hosts_have_left_is_reaped_and_nothing_else(client: Any, docker_sandbox: Sandbox) -> None:
    assert isinstance(docker_sandbox, DockerSandbox)
    image = Recipe.from_environment().tag
    dead = {**reaper.labels(), reaper.PROCESS: "4194303:1"}
    elsewhere = {**dead, reaper.MACHINE: "another machine"}
    made = [
        client.api.create_container(image, "true", labels=labels)["Id"]
        for labels in (dead, elsewhere, reaper.labels())
    ]
    try:
        assert reaper.reap(client) == made[:1]
    finally:
        for ident in made[1:]:
            client.api.remove_container(ident, force=True)


@pytest.mark.docker
def test_a_missing_image_is_our_failure(client: Any, program: Any, services: Any, limits: Limits) -> None:
    sandbox = DockerSandbox(client, "evolve-sandbox:missing")
    with pytest.raises(InfrastructureError, match=r"could not be started.*[Nn]o such image") as caught:
        sandbox.open(program(), services, limits)
    assert "it builds the image" in caught.value.remedy


@pytest.mark.docker
def test_an_image_that_cannot_be_built_says_why(client: Any) -> None:
    said: list[str] = []
    with pytest.raises(InfrastructureError, match="EVOLVE_SANDBOX_BASE"):
        ensure_image(client, Recipe("FROM scratch\nRUN true\n", "", "scratch"), said.append)
    assert "Building the sandbox image" in said[0]


@pytest.mark.docker
def test_a_container_removed_from_outside_is_our_failure(
    client: Any, docker_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    with docker_sandbox.open(program(), services, limits) as session:
        label = f"{reaper.PROCESS}={reaper.labels()[reaper.PROCESS]}"
        for container in client.api.containers(filters={"label": label}):
            client.api.remove_container(container["Id"], force=True)
        with pytest.raises(InfrastructureError, match="connection to the sandbox container broke"):
            session.read({"text": ""})


def _eventually(condition: Any) -> bool:
    """Whether ``condition`` holds within the 5 seconds that the engine has to clean up."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
