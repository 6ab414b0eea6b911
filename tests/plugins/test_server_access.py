"""Who may ask the MCP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.errors import UsageError
from evolve.plugins.server import Bearer, allowed_hosts, listen, serve_http

TOKEN = "0123456789abcdef"


def invoke(*arguments: object, **environ: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environ)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stderr


def test_an_address_that_others_reach_needs_a_token(bind: Callable[..., Path]) -> None:
    command = ["serve", bind(), "--http", "0.0.0.0:0", "--sandbox", "process", "--unsafe-local"]
    code, err = invoke(*command)
    assert code == 2
    assert "--token-env" in err
    for token in ("", "short", f"{TOKEN} {TOKEN}", f"{TOKEN}ü"):
        code, err = invoke(*command, "--token-env", "MEMORY_TOKEN", MEMORY_TOKEN=token)
        assert code == 2
        assert "MEMORY_TOKEN" in err


def test_the_server_itself_refuses_to_be_open_to_all() -> None:
    listener, _ = listen("0.0.0.0:0")
    with pytest.raises(UsageError, match="--token-env"):
        serve_http(object(), listener)  # type: ignore[arg-type]


def asked(headers: list[tuple[bytes, bytes]], kind: str = "http") -> int | str:
    """What a request with ``headers`` is answered: a status, or ``passed`` on to the application."""
    found: list[Any] = []

    async def inner(*_: Any) -> None:
        found.append("passed")

    async def send(message: Any) -> None:
        found.append(message.get("status"))

    async def receive() -> Any:
        raise AssertionError

    asyncio.run(Bearer(inner, TOKEN)({"type": kind, "headers": headers}, receive, send))
    return found[0]


def test_only_the_token_opens() -> None:
    right = (b"Authorization", b"Bearer " + TOKEN.encode())
    assert asked([right]) == "passed"
    assert asked([], kind="lifespan") == "passed"
    wrong: tuple[list[tuple[bytes, bytes]], ...] = (
        [],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", TOKEN.encode())],
        [(b"authorization", b"Bearer " + TOKEN.encode() + b"x")],
        [(b"authorization", b"Basic " + TOKEN.encode())],
        [right, right],
    )
    for headers in wrong:
        assert asked(headers) == 401


@pytest.fixture
def sockets() -> Iterator[Callable[[str], socket.socket]]:
    opened: list[socket.socket] = []

    def at(address: str) -> socket.socket:
        opened.append(listen(address)[0])
        return opened[-1]

    yield at
    for one in opened:
        one.close()


def test_hosts_are_an_allow_list(sockets: Callable[[str], socket.socket]) -> None:
    assert allowed_hosts(sockets("127.0.0.1:0"), []) == ["127.0.0.1", "localhost", "[::1]"]
    assert allowed_hosts(sockets("0.0.0.0:0"), ["memory.example"]) == [socket.gethostname(), "memory.example"]


def test_a_page_from_elsewhere_is_refused(bind: Callable[..., Path], start: Any) -> None:
    pytest.importorskip("mcp", reason="needs the extra mcp")
    import httpx

    url, _ = start([str(bind()), "--unsafe-local"])
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    accept = {"Accept": "application/json, text/event-stream"}
    with httpx.Client(trust_env=False, timeout=60) as client:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            assert client.post(url, json=body, headers={**accept, **headers}).status_code in (403, 421)
        assert client.post(url, json=body, headers=accept).status_code not in (401, 403, 421)


def test_a_server_with_a_token_asks_for_it(
    bind: Callable[..., Path], start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mcp", reason="needs the extra mcp")
    import httpx

    monkeypatch.setenv("MEMORY_TOKEN", TOKEN)
    url, _ = start([str(bind()), "--unsafe-local", "--token-env", "MEMORY_TOKEN"])
    with httpx.Client(trust_env=False, timeout=60) as client:
        assert client.post(url, json={}).status_code == 401
        assert client.post(url, json={}, headers={"Authorization": f"Bearer {TOKEN}"}).status_code != 401
