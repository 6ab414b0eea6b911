"""The MCP server, by the command line and the official client, over both of its transports."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
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


@pytest.mark.slow
def test_the_official_client_lists_and_calls_the_tools_and_bad_input_gets_an_error_result(
    connect: Callable[[], Any],
) -> None:
    async def store(client: Any) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"remember", "recall", "search", "forget", "correct"}
        assert tools["forget"].annotations.destructive_hint
        assert tools["remember"].input_schema["required"] == ["text"]
        assert tools["recall"].annotations.read_only_hint
        result = await client.call_tool("remember", {"text": "Ada moved to Lisbon."})
        assert (result.is_error or False, said(result)) == (False, "Stored.")
        for tool, arguments, reason in MISUSE:
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert reason in said(result)
            assert "Traceback" not in said(result)

    async def change(client: Any) -> None:
        result = await client.call_tool("remember", {"text": "Ben lives in Oslo."})
        listed = said(await client.call_tool("search", {"query": "oslo ben"}))
        ident, _, text = listed.partition(": ")
        assert text == "Ben lives in Oslo."
        assert (
            said(await client.call_tool("correct", {"id": ident, "text": "Ben is in Rome."})) == "Corrected."
        )
        result = await client.call_tool("forget", {})
        assert result.is_error
        assert "Give either id or query" in said(result)
        assert said(await client.call_tool("forget", {"query": "rome"})) == "Forgotten: 1."
        assert said(await client.call_tool("search", {"query": "Ben"})) == "Nothing was found."

    async def ask(client: Any) -> None:
        result = await client.call_tool("recall", {"question": "Where is Ada?"})
        assert said(result) == "read 1: Ada moved to Lisbon."

    talk(connect, store)
    talk(connect, change)
    talk(connect, ask)


def test_a_space_has_an_address_and_feedback_a_tool(bind: Bind, start: Any, tmp_path: Path) -> None:
    options = [str(bind()), "--data", str(tmp_path / "memory"), "--unsafe-local", "--usage-log"]
    url, _ = start([*options, "--tools", "remember,recall,feedback"])
    ada, ben = (url.replace("/mcp", f"/spaces/{name}/mcp") for name in ("ada", "ben"))

    async def use(client: Any) -> None:
        assert len((await client.list_tools()).tools) == 3
        await client.call_tool("remember", {"text": "I am Ada."})
        await client.call_tool("recall", {"question": "Who am I?"})
        verdict = {"question": "Who am I?", "verdict": "Ada"}
        assert said(await client.call_tool("feedback", verdict)) == "Noted."

    async def other(client: Any) -> None:
        assert said(await client.call_tool("recall", {"question": "Who am I?"})) == "read 1:"
        verdict = {"question": "Who is it?", "verdict": "useful"}
        assert (await client.call_tool("feedback", verdict)).is_error

    async def nobody(client: Any) -> None:
        result = await client.call_tool("recall", {"question": "Who am I?"})
        assert result.is_error
        assert "cannot be the name of a space" in said(result)

    talk(lambda: Client(ada), use)
    talk(lambda: Client(ben), other)
    talk(lambda: Client(url), other)
    talk(lambda: Client(url.replace("/mcp", "/spaces/..%2Fada/mcp").replace("%2F", "~")), nobody)
    assert {path.name for path in (tmp_path / "memory" / "spaces").iterdir()} == {"ada", "ben"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_thousand_calls_leave_no_leak(transport: str, bind: Bind, start: Any, tmp_path: Path) -> None:
    """What is held after a hundred calls and a thousand more, some of which fail or kill the program."""
    options = [str(bind()), "--data", str(tmp_path / "memory"), "--unsafe-local"]
    seen: list[tuple[dict[str, int], dict[str, int]]] = []
    server, others = 0, set(children(os.getpid()))
    if transport == "http":
        url, process = start(options)
        server, client = process.pid, Client(url)
    else:
        client = Client(
            StdioServerParameters(command=sys.executable, args=[*SERVE, *options], env=dict(os.environ))
        )

    async def call(client: Any) -> None:
        (process,) = [server] if server else set(children(os.getpid())) - others
        for number in range(100 + CALLS):
            if number == 100:
                seen.append((held(process), held(os.getpid())))
            if number % 10 == 0:
                text = "refuse this" if number % 250 == 60 else "Ada moved."
                result = await client.call_tool("remember", {"text": text})
                assert bool(result.is_error) == (text == "refuse this")
            else:
                question = "crash?" if number % 250 == 51 else "Where is Ada?"
                result = await client.call_tool("recall", {"question": question})
                assert bool(result.is_error) == (question == "crash?")
        seen.append((held(process), held(os.getpid())))

    talk(lambda: client, call)
    for before, after in zip(*seen, strict=True):
        assert after["files"] <= before["files"] + 2
        assert after["threads"] <= before["threads"] + 2
        assert after["children"] <= before["children"]
        assert after["kilobytes"] <= before["kilobytes"] + 8_000


def children(process: int) -> list[int]:
    """The processes that any thread of a process started, and that have not ended."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def held(process: int) -> dict[str, int]:
    """What a process holds of what could leak."""
    status = Path(f"/proc/{process}/status").read_text()
    return {
        "files": len(os.listdir(f"/proc/{process}/fd")),  # noqa: PTH208
        "threads": int(re.findall(r"Threads:\s+(\d+)", status)[0]),
        "kilobytes": int(re.findall(r"VmRSS:\s+(\d+)", status)[0]),
        "children": len(children(process)),
    }


@pytest.mark.slow
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
