"""An agent that remembers, by plain tool calls of OpenAI's chat API.

    python examples/agents/openai_tools.py my-memory                          # rules play the model
    OPENAI_API_KEY=... python examples/agents/openai_tools.py my-memory --model gpt-5.4-mini

Type what it is to remember, and questions. What it was told is there when it is started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from offline_chat import reply as offline_reply

import evolve
from evolve.plugins.tools import call_openai_tool, openai_tools

Messages = list[dict[str, Any]]
SYSTEM = "You have a long-term memory. Store what the user tells you, and look up what you are asked."


def chat_model(model: str) -> Callable[[Messages], dict[str, Any]]:
    """What gives the next message of a conversation."""
    from openai import OpenAI

    client = OpenAI()

    def reply(messages: Messages) -> dict[str, Any]:
        tools: Any = openai_tools()
        completion = client.chat.completions.create(model=model, messages=messages, tools=tools)  # type: ignore[arg-type]
        return completion.choices[0].message.model_dump(exclude_none=True)

    return reply


def turn(memory: evolve.Memory, reply: Callable[[Messages], dict[str, Any]], messages: Messages) -> str:
    """Let the model call tools until it has an answer."""
    while True:
        message = reply(messages)
        messages.append(message)
        calls = message.get("tool_calls") or []
        if not calls:
            return message["content"]
        messages.extend(call_openai_tool(memory, call) for call in calls)


def main() -> None:
    """Talk over standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="name of an installed plug-in, or its folder")
    parser.add_argument("--data", default="agent-memory", help="where it remembers")
    parser.add_argument("--model", help="a chat model of OpenAI; left out: rules")
    parser.add_argument("--trust", action="store_true", help="run the memory's program in a bare process")
    given = parser.parse_args()
    reply = chat_model(given.model) if given.model else offline_reply
    messages: Messages = [{"role": "system", "content": SYSTEM}]
    with evolve.load(given.plugin, path=given.data, trust=given.trust) as memory:
        for line in sys.stdin:
            messages.append({"role": "user", "content": line.strip()})
            print(turn(memory, reply, messages), flush=True)


if __name__ == "__main__":
    main()
