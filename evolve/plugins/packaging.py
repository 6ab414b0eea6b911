"""Files of an exported package for people and installers."""

from __future__ import annotations

import json

from evolve.plugins.manifest import GROUP, MANIFEST, PROGRAM, Manifest

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = {name}
version = "1.0.0"
description = {description}
readme = "README.md"
license = {licence}
requires-python = ">=3.11"
dependencies = ["evolve-memory>={evolve}"]

[project.entry-points."{group}"]
{name} = {module}

[tool.hatch.build.targets.wheel]
packages = [{module}]
"""

_README = """\
# {name}

{description}

```python
import evolve

with evolve.load({quoted}, path="{name}-data") as memory:
    memory.remember("Ada: I moved to Lisbon in May, the kettle came with me.")
    memory.remember("Ben: We adopted a terrier called Otto last week.")
    print(memory.recall("Where does Ada live now?"))
    print(memory.answer("What is the terrier called?"))

with evolve.load({quoted}, path="{name}-data") as memory:  # another day, the same memory
    print(len(memory), memory.recall("Who has a dog?"))
```

`pip install` this folder first, or give its path in the place of the name. It needs `evolve-memory` {evolve}
or newer: where your package index has none, install that first from its source (`pip install PATH_OF_EVOLVE`,
or a wheel made there by `pip wheel --no-deps .`); pip then finds it installed and asks no index.

What is remembered is on disk when `remember` returns. The program runs in a sandbox, Docker or bubblewrap;
`trust=True`: in a bare process.
`model="provider/name"` gives it a language model, `embedding=` an embedding model; else rules stand in.
`evolve serve {name}` makes it an MCP server, with tools such as remember, recall and forget.

## How it scored

On the benchmark `{benchmark}`, with a 95 % confidence interval. Models: {models}.

| subset | metric | quality | items | {unit} a question | p95 of read |
|---|---|---|---|---|---|
{scores}

These are scores with these models on this benchmark; with others, measure again.

## Where it comes from

Candidate {number} of the run `{run}`, program `{program}`, licence {licence_text}:

{lineage}

[{module}/{program_file}]({module}/{program_file}) is the whole program, to be read;
[{module}/{manifest}]({module}/{manifest}) has all of the above for machines.
"""

_INIT = '''\
"""{description}

Use it by ``evolve.load({quoted})``. The program beside this file is run in a sandbox, never imported.
"""
'''

_SMOKE = '''\
"""It stores, recalls, and is there again after a restart. For pytest; needs Docker or bubblewrap."""

from pathlib import Path

import evolve

PLUGIN = Path(__file__).resolve().parent.parent
TEXTS = ("Ada: I moved to Lisbon in May.", "Ben: We adopted a terrier called Otto.")


def test_it_stores_and_recalls(tmp_path):
    with evolve.load(PLUGIN, path=tmp_path / "memory") as memory:
        for text in TEXTS:
            memory.remember(text)
        recalled = memory.recall("Where did Ada move?")
        assert isinstance(memory.answer("What is the terrier called?"), str)
    with evolve.load(PLUGIN, path=tmp_path / "memory") as memory:
        assert len(memory) == len(TEXTS)
        assert memory.recall("Where did Ada move?") == recalled
'''


def package_files(manifest: Manifest) -> dict[str, str]:
    """Path inside the package → text: pyproject, README, the module's ``__init__`` and a smoke test."""
    description = f"A memory for LLM agents, evolved on {_plain(manifest.benchmark)}."
    quoted = json.dumps(manifest.name)
    project = _PYPROJECT.format(
        name=quoted,
        description=json.dumps(description),
        licence=json.dumps(manifest.licence),
        evolve=manifest.evolve,
        group=GROUP,
        module=json.dumps(manifest.module),
    )
    return {
        "pyproject.toml": project,
        "README.md": _readme(manifest, description),
        f"{manifest.module}/__init__.py": _INIT.format(description=description, quoted=quoted),
        "tests/test_smoke.py": _SMOKE,
    }


def _readme(manifest: Manifest, description: str) -> str:
    rows = [
        f"| {score.subset} | {score.metric} | {score.quality} | {score.items} | {score.cost:.4g} "
        f"| {score.latency * 1000:.1f} ms |"
        for score in manifest.scores
    ]
    steps = [
        f"{number}. #{step.number} {_plain(step.operator)}"
        + ("" if step.quality is None else f", {step.quality:.3f}")
        + (f": {_plain(step.message)}" if step.message else "")
        for number, step in enumerate(manifest.provenance.lineage, start=1)
    ]
    models = (f"{model.model} as {model.role}" for model in manifest.models if model.used)
    return _README.format(
        name=manifest.name,
        evolve=manifest.evolve,
        quoted=json.dumps(manifest.name),
        description=description,
        benchmark=_plain(manifest.benchmark),
        models=_plain(", ".join(models)),
        unit=manifest.scores[0].cost_unit if manifest.scores else "tokens",
        scores="\n".join(rows),
        number=manifest.provenance.number,
        run=_plain(manifest.provenance.run),
        program=manifest.program,
        licence_text=manifest.licence,
        lineage="\n".join(steps),
        module=manifest.module,
        program_file=PROGRAM,
        manifest=MANIFEST,
    )


def _plain(text: str) -> str:
    """Return ``text`` of a model or a file name on one line and without markup or quotes."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.translate(str.maketrans("", "", '`<>|[]{}"\\')).split())
