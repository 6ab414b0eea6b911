"""Sandboxes of the tests of an agentic mutator."""

from tests.sandboxes.conftest import bwrap_sandbox, confining_sandbox, docker_sandbox

__all__ = ["bwrap_sandbox", "confining_sandbox", "docker_sandbox"]
