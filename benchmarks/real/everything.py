"""One small campaign in which the model plays every part, and whether its accounts are right.

    python benchmarks/real/everything.py --model gguf:PATH
    python benchmarks/real/everything.py --model openai/NAME --api-base http://127.0.0.1:8080/v1

Agent, toolkit and reflector are the model, by default on 12 validation and 24 test tasks of chronicle.
Programs that have a ``budget_characters`` return at most ``--read-characters``, so that answers are short
prompts. Prints the candidates, the calls by role and outcome, and the tokens of the accounts beside those
that the server counted, where it has llama.cpp's ``/metrics``.
"""

from __future__ import annotations

import argparse
import re
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from common import add_options, caption, conducted, configuration, interval_text, role

from evolve.config import ModelsConfig
from evolve.inspection.spending import calls_of
from evolve.journal import RunRecord
from evolve.program import MemoryProgram, with_knobs
from evolve.runs.history import RunHistory
from evolve.seeds import seed_path

COUNTERS = ("prompt_tokens_total", "tokens_predicted_total")


def main() -> None:
    """Run the campaign, or take what is recorded of it, and print the tables."""
    arguments = _arguments()
    one = role(arguments, temperature=0)
    models = ModelsConfig(task=one, toolkit=one, judge=one, reflector=role(arguments))
    config = configuration(
        arguments,
        arguments.benchmark,
        models,
        seeds=tuple(_shortened(name, arguments) for name in arguments.programs.split(",")),
        budget=arguments.children,
        jobs=1,
        evaluation={"static": arguments.static, "rotating": 4, "test": arguments.test, "episode_ratio": 1.0},
    )
    before = _counters(arguments.api_base)
    summary = conducted(config, arguments.root, arguments.name)
    after = _counters(arguments.api_base)
    record = RunRecord.open(arguments.root, arguments.name)
    print(
        f"{Path(arguments.benchmark).stem}, {arguments.children} candidates, {caption(arguments.model)}; "
        f"ended: {summary.reason}\n"
    )
    _print_candidates(record)
    _print_calls(record, before, after)


def _shortened(name: str, arguments: argparse.Namespace) -> str:
    """Path of the program with a smaller budget of characters; ``name`` itself where it has none."""
    path = Path(name) if name.endswith(".py") else seed_path(name)
    program = MemoryProgram.from_file(path)
    knob = program.parts.knobs.get("budget_characters")
    if knob is None:
        return name
    characters = min(max(arguments.read_characters, knob.low), knob.high)
    short = arguments.root / "programs" / f"{path.stem}.py"
    short.parent.mkdir(parents=True, exist_ok=True)
    short.write_text(with_knobs(program.source, {"budget_characters": int(characters)}), encoding="utf-8")
    return str(short.absolute())


def _print_candidates(record: RunRecord) -> None:
    history = RunHistory.read(record)
    print("| candidate | validation | test |\n|---|---|---|")
    for candidate in history.candidates:
        validation = record.evaluation(candidate.program, "static")
        test = record.evaluation(candidate.program, "test")
        cells = [interval_text(found.quality) if found else "–" for found in (validation, test)]
        print(f"| #{candidate.number} {candidate.name or candidate.operator} | {' | '.join(cells)} |")
    for number, discarded in history.discarded.items():
        print(f"| #{number} {discarded.operator} | no candidate: {discarded.reason} | – |")


def _print_calls(record: RunRecord, before: dict[str, float], after: dict[str, float]) -> None:
    calls = calls_of(record)
    print("\n| role | cause | outcome | calls | from the cache |\n|---|---|---|---|---|")
    kinds = Counter((call.role, call.cause, call.outcome) for call in calls)
    cached = Counter((call.role, call.cause, call.outcome) for call in calls if call.cached)
    for kind, count in sorted(kinds.items()):
        print(f"| {' | '.join(kind)} | {count} | {cached[kind]} |")
    ours = {
        "prompt_tokens_total": sum(call.usage.tokens_in for call in calls),
        "tokens_predicted_total": sum(call.usage.tokens_out for call in calls),
    }
    print("\n| tokens | in the accounts | counted by the server meanwhile |\n|---|---|---|")
    for counter in COUNTERS:
        counted = f"{after[counter] - before[counter]:,.0f}" if before and after else "–"
        print(f"| {counter} | {ours[counter]:,} | {counted} |")


def _counters(api_base: str | None) -> dict[str, float]:
    """The server's counters of tokens; none where it has no ``/metrics``."""
    if not api_base:
        return {}
    address = f"{api_base.rstrip('/').removesuffix('/v1')}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=10) as reply:
            text = reply.read().decode()
    except (urllib.error.URLError, OSError):
        return {}
    found = {name: re.search(rf"^llamacpp:{name} ([\d.e+]+)$", text, re.MULTILINE) for name in COUNTERS}
    return {name: float(match.group(1)) for name, match in found.items() if match}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--benchmark", default="chronicle", help="name or path")
    parser.add_argument("--programs", default="lexical,llm_summarizer", help="initial programs, with commas")
    parser.add_argument("--read-characters", type=int, default=1_000, help="budget of the initial programs")
    parser.add_argument("--children", type=int, default=4, help="candidates to make")
    parser.add_argument("--static", type=int, default=12, help="validation tasks")
    parser.add_argument("--test", type=int, default=24, help="test tasks")
    parser.add_argument("--name", default="everything", help="name of the run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
