"""The MCP server, by the command line and the official client, over both of its transports."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import UsageError
from evolve.plugins.server import listen

pytest.importorskip("mcp", reason="needs the extra mcp")
from mcp import Client, StdioServerParameters

Bind = Callable[..., Path]
SERVE = ["-m", "evolve", "serve"]
CALLS = 1_000


@pytest.fixture(params=["stdio", "http"])
def connect(request: pytest.FixtureRequest, bind: Bind, tmp_path: Path) -> Callable[[], Any]:
    """Gives a client of a server on one and the same memory; over HTTP, of one and the same server."""
    options = [str(bind()), "--data", str(tmp_path / "memory"), "--unsafe-local"]
    if request.param == "stdio":
        return lambda: Client(
            StdioServerParameters(command=sys.executable, args=[*SERVE, *options], env=dict(os.environ))
        )
    url, _ = request.getfixturevalue("start")(options)
    return lambda: Client(url)


@pytest.fixture
def start() -> Iterator[Callable[[list[str]], tuple[str, subprocess.Popen[str]]]]:
    """Starts servers over HTTP, whose end is waited for."""
    running: list[subprocess.Popen[str]] = []

    def started(options: list[str]) -> tuple[str, subprocess.Popen[str]]:
        command = [sys.executable, *SERVE, *options, "--http", "127.0.0.1:0"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        running.append(server)
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:\d+/mcp", line):
                return found[0], server
        raise AssertionError("the server ended")

    yield started
    for server in running:
        server.terminate()
        server.communicate(timeout=20)


def talk(connect: Callable[[], Any], what: Callable[[Any], Awaitable[None]]) -> None:
    async def main() -> None:
        async with connect() as client:
            await what(client)

    asyncio.run(main())


def said(result: Any) -> str:
    return "".join(part.text for part in result.content)


MISUSE = (
    ("remember", {"text": "  "}, "text is empty"),
    ("remember", {}, "text"),
    ("remember", {"text": 7}, "string"),
    ("remember", {"text": "refuse this"}, "not this one"),
    ("recall", {"question": "crash?"}, "process ended"),
)


def test_the_official_client_lists_and_calls_the_tools_and_bad_input_gets_an_error_result(
    connect: Callable[[], Any],
) -> None:
    async def store(client: Any) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"remember", "recall"}
        assert tools["remember"].input_schema["required"] == ["text"]
        assert tools["recall"].annotations.read_only_hint
        result = await client.call_tool("remember", {"text": "Ada moved to Lisbon."})
        assert (result.is_error or False, said(result)) == (False, "Stored.")
        for tool, arguments, reason in MISUSE:
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert reason in said(result)
            assert "Traceback" not in said(result)

    async def ask(client: Any) -> None:
        result = await client.call_tool("recall", {"question": "Where is Ada?"})
        assert said(result) == "read 1: Ada moved to Lisbon."

    talk(connect, store)
    talk(connect, ask)


@pytest.mark.slow
def test_a_thousand_calls_leave_no_leak(bind: Bind, start: Any) -> None:
    url, server = start([str(bind()), "--unsafe-local"])
    before: dict[str, int] = {}

    async def call(client: Any) -> None:
        await client.call_tool("remember", {"text": "Ada moved to Lisbon."})
        for number in range(CALLS):
            if number == CALLS // 5:
                before.update(held(server.pid))
            question = "crash?" if number == CALLS // 2 else "Where is Ada?"
            await client.call_tool("recall", {"question": question})

    talk(lambda: Client(url), call)
    after = held(server.pid)
    assert after["files"] <= before["files"] + 2
    assert after["threads"] <= before["threads"] + 2
    assert after["children"] <= before["children"]
    assert after["kilobytes"] <= before["kilobytes"] + 8_000


def held(process: int) -> dict[str, int]:
    """What a process holds of what could leak."""
    status = Path(f"/proc/{process}/status").read_text()
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {
        "files": len(os.listdir(f"/proc/{process}/fd")),  # noqa: PTH208
        "threads": int(re.findall(r"Threads:\s+(\d+)", status)[0]),
        "kilobytes": int(re.findall(r"VmRSS:\s+(\d+)", status)[0]),
        "children": len(children),
    }


def test_it_ends_cleanly_and_its_memory_can_be_used_at_once(bind: Bind, start: Any, tmp_path: Path) -> None:
    options = [str(bind()), "--data", str(tmp_path / "memory"), "--unsafe-local"]
    _, first = start(options)
    refused = subprocess.run(
        [sys.executable, *SERVE, *options], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"in use by process {first.pid}" in refused.stderr
    first.send_signal(signal.SIGTERM)
    first.wait(timeout=20)
    start(options)


@pytest.mark.parametrize("address", ["8000", "host:", "127.0.0.1:99999", "a b:1", ""])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(UsageError, match="expected HOST:PORT"):
        listen(address)


def test_a_taken_port_is_said() -> None:
    first, url = listen("127.0.0.1:0")
    with first, pytest.raises(UsageError, match="cannot listen there"):
        listen(url.removeprefix("http://").removesuffix("/mcp"))
