"""Anthropic's memory tool over a memory: the model's files are texts that the memory's program recalls.

    pip install evolve-memory anthropic
    python examples/agents/anthropic_memory.py my-memory

Reads inputs of tool calls, one JSON object to the line, such as {"command": "view", "path": "/memories"}, and
prints what the model is told. In an agent, give the tool to the client's loop instead:

    runner = client.beta.messages.tool_runner(model=..., max_tokens=1000, messages=..., tools=[tool])
"""

from __future__ import annotations

import argparse
import json
import sys

from anthropic.lib.tools import ToolError  # type: ignore[import-not-found, unused-ignore]

import evolve
from evolve.plugins.memory_files import anthropic_tool


def main() -> None:
    """Answer tool calls over standard input; a line "? QUESTION" is recalled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="name of an installed plug-in, or its folder")
    parser.add_argument("--data", default="agent-memory", help="where it remembers")
    parser.add_argument("--trust", action="store_true", help="run the memory's program in a bare process")
    given = parser.parse_args()
    with evolve.load(given.plugin, path=given.data, trust=given.trust) as memory:
        tool = anthropic_tool(memory)
        for line in filter(None, map(str.strip, sys.stdin)):
            try:
                said = memory.recall(line[1:]) if line.startswith("?") else tool.call(json.loads(line))
            except ToolError as error:
                said = f"Error: {error}"
            print(said, flush=True)


if __name__ == "__main__":
    main()
