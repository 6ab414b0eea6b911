"""Starter benchmark: three dated episodes, three questions, and a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evolve.data.folder import EPISODES, QUESTIONS
from evolve.errors import InfrastructureError, UsageError

CONFIG = "evolve.toml"
_EPISODES: tuple[dict[str, Any], ...] = (
    {
        "id": "monday",
        "text": "1 June 2026\nAna: I planted a fig tree.\nBen: How tall is it?\nAna: Forty centimetres.",
    },
    {
        "id": "tuesday",
        "text": "2 June 2026\nBen: I lent my ladder to Chloe.\nAna: The red one?\nBen: Yes, until Friday.",
    },
    {"id": "wednesday", "text": "3 June 2026\nChloe: The ladder broke.\nBen: I will buy a blue one."},
)
_QUESTIONS: tuple[dict[str, Any], ...] = (
    {
        "id": "tree",
        "question": "What tree did Ana plant?",
        "answer": "a fig tree",
        "split": "validation",
        "evidence": [{"episode": "monday", "text": "Ana: I planted a fig tree."}],
    },
    {
        "id": "ladder",
        "question": "To whom did Ben lend his ladder?",
        "answers": ["Chloe", "to Chloe"],
        "split": "validation",
        "evidence": [{"episode": "tuesday", "text": "Ben: I lent my ladder to Chloe."}],
    },
    {
        "id": "colour",
        "question": "What colour will the new ladder be?",
        "answer": "blue",
        "split": "test",
        "evidence": [{"episode": "wednesday", "text": "Ben: I will buy a blue one."}],
    },
)
_CONFIG = """\
# A small campaign on the benchmark in this folder: evolve run {file}
# Every key and its default: docs/concepts, or `evolve run --help`.
benchmark = {folder}
budget = 5            # candidates to make

[search]
objectives = ["quality", "cost"]

# With a language model (LiteLLM id, its key in the environment):
# [models.task]
# model = "openai/gpt-5-mini"
# [models.reflector]
# model = "openai/gpt-5"
"""


def write_starter(folder: Path) -> list[Path]:
    """Write the starter into ``folder``, which is made; return the paths of its files.

    Raises:
        UsageError: one of the files is there already; nothing is written then.
        InfrastructureError: the disk does not take them.
    """
    config = _CONFIG.format(file=folder / CONFIG, folder=json.dumps(str(folder.resolve())))
    lines = {EPISODES: _EPISODES, QUESTIONS: _QUESTIONS}
    texts = {name: "".join(json.dumps(row) + "\n" for row in rows) for name, rows in lines.items()}
    files = {folder / name: text for name, text in {**texts, CONFIG: config}.items()}
    present = [str(path) for path in files if path.exists()]
    if present:
        raise UsageError(f"{', '.join(present)} exists already: nothing was written. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InfrastructureError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return list(files)
