"""Choice of the sandbox: the requested one, or the best available; never a weaker one in silence."""

from __future__ import annotations

from collections.abc import Callable

from evolve.errors import InfrastructureError, UsageError
from evolve.registry import REGISTRY
from evolve.sandboxes.protocol import Limits, Sandbox

_WHAT_A_PROCESS_IS = (
    "a bare process: time and memory are limited, but a program can read your files and use your network"
)


def select_backend(
    name: str,
    *,
    trusted: bool,
    unsafe_local: bool,
    notify: Callable[[str], None],
    pool: int = 0,
    limits: Limits | None = None,
) -> Sandbox:
    """Return the sandbox called ``name``, ready for use.

    Args:
        name: docker, bwrap, process, a registered name, or auto: Docker if an engine answers and has the
            image or can build it, else bubblewrap if it works here, else a bare process if that is allowed.
        trusted: only programs of this project or of the user run, none that a model wrote.
        unsafe_local: the user allows a bare process for any program.
        notify: called with sentences for the user on an image build and on the isolation in use.
        pool: containers or processes to keep started for programs to come.
        limits: limits that most programs are expected to have; default: the defaults.

    Raises:
        UsageError: ``name`` is unknown, or a bare process was asked for and is not allowed.
        InfrastructureError: the requested sandbox does not work, or no permitted one does.
    """
    if REGISTRY.problem("sandbox", name):
        names = ", ".join(REGISTRY.names("sandbox"))
        raise UsageError(f"There is no sandbox called {name!r}: give one of {names}.")
    allowed = trusted or unsafe_local
    if name == "process":
        if not allowed:
            raise UsageError(
                f"--sandbox process runs model-written code in {_WHAT_A_PROCESS_IS}. "
                "Use --sandbox docker or bwrap, or add --unsafe-local if you accept that."
            )
        return _process(notify, pool, "it was asked for")
    if name == "docker":
        return _docker(notify, pool, limits)
    if name == "bwrap":
        return _bwrap(notify, pool, limits, "it was asked for")
    if name != "auto":
        sandbox = REGISTRY.make("sandbox", name, notify=notify, pool=pool, limits=limits)
        notify(f"Sandbox: {name}, a registered one. Isolation: {sandbox.isolation}.")
        return sandbox
    problems = []
    try:
        return _docker(notify, pool, limits)
    except InfrastructureError as error:
        problems.append(error.message)
        why = f"Docker cannot be used ({_whole(error)})"
    try:
        return _bwrap(notify, pool, limits, why)
    except InfrastructureError as error:
        problems.append(error.message)
        why += f" and bubblewrap cannot either ({_whole(error)})"
    if not allowed:
        raise InfrastructureError(
            f"Model-written code needs a sandbox, and there is none. {' '.join(problems)}",
            remedy="Install and start Docker, or bubblewrap, or give --unsafe-local to run it bare.",
        )
    return _process(notify, pool, why)


def _docker(notify: Callable[[str], None], pool: int, limits: Limits | None) -> Sandbox:
    from evolve.sandboxes.docker import DockerSandbox

    sandbox = DockerSandbox.connect(notify, pool=pool, limits=limits)
    notify("Sandbox: docker. Each program runs in a container without network, files or privileges.")
    return sandbox


def _bwrap(notify: Callable[[str], None], pool: int, limits: Limits | None, why: str) -> Sandbox:
    from evolve.sandboxes.bwrap import BwrapSandbox

    sandbox = BwrapSandbox(pool=pool, limits=limits)
    notify(
        f"Sandbox: bwrap, because {why}. Each program runs without network and files; its memory is limited "
        "for each process, not for all together."
    )
    return sandbox


def _process(notify: Callable[[str], None], pool: int, why: str) -> Sandbox:
    from evolve.sandboxes.process import ProcessSandbox

    notify(f"Sandbox: process, because {why}. WARNING: this is {_WHAT_A_PROCESS_IS}.")
    return ProcessSandbox(pool=pool)


def _whole(error: InfrastructureError) -> str:
    """The message on one line."""
    return " ".join(error.message.split()).rstrip(".")
