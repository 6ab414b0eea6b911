"""How often a language model's answer becomes a candidate, by the form of the answer and the prompt.

    python benchmarks/real/acceptance.py --model gguf:PATH --reflections 40
    python benchmarks/real/acceptance.py --model gguf:PATH --forms definitions whole --prompts full
    python benchmarks/real/acceptance.py --model gguf:PATH --reflections 10 --proposer agent

runs campaigns whose reflector is the model and whose agent is rule-based, on chronicle. Parents are drawn
evenly from the initial programs and their offspring, each reflection has up to three draws, and what became
of every draw is counted: a draw is *valid* if the program it gives keeps the contract, passes the static
checks and works when it is tried; it has an *effect* if it also returns something else than its parent on
some of up to 40 tasks of its diagnosis. One that is clearly worse there is drawn again. At the end the best
candidate of each campaign is compared with its initial programs on test tasks of worlds that the search
never saw. Runs are kept under ``--root``: the same command goes on with them.

With ``--proposer agent``, the model works as an agent for so many candidates, and one-shot reflection goes on
until it has used as many tokens of the model; both are counted within the tokens that the smaller one used.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

from common import add_options, caption, conducted, configuration, interval_text, role
from equal_tokens import HEADER as BESIDE
from equal_tokens import spent, within

from evolve.campaign import Summary
from evolve.config import ModelsConfig
from evolve.events import Discarded, Evaluated, Joined, Proposed
from evolve.journal import RunRecord
from evolve.records import Candidate, Try

EFFECT = frozenset({"valid", "worse"})
VALID = EFFECT | {"no effect"}
DRAWS = 3
HEADER = (
    "| form | prompt | draws | valid | with an effect | valid within three | effect within three | better |"
    "\n|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Run the campaigns that are missing and print the tables."""
    arguments = _arguments()
    if arguments.proposer == "agent":
        _compare(arguments)
        return
    print(f"chronicle, {arguments.reflections} reflections; {caption(arguments.model)}\n", flush=True)
    print(HEADER, flush=True)
    failures: list[tuple[str, Counter[str]]] = []
    ended: list[tuple[str, Summary]] = []
    for prompt in arguments.prompts:
        for form in arguments.forms:
            record, summary = _reflected(arguments, form, prompt)
            ended.append((f"{form}, {prompt}", summary))
            series = _series(record)
            cells = (form, prompt, *_shares(series), str(_better(record)))
            print(f"| {' | '.join(cells)} |", flush=True)
            failures.append((f"{form}, {prompt}", Counter(one.became for tries in series for one in tries)))
    kinds = sorted({kind for _, counts in failures for kind in counts})
    print(f"\n| what became of the draws | {' | '.join(kinds)} |\n|---{'|---' * len(kinds)}|")
    for name, counts in failures:
        print(f"| {name} | {' | '.join(str(counts[kind]) for kind in kinds)} |")
    print("\n| campaign | best | against | best minus it on test, paired |\n|---|---|---|---|")
    for name, summary in ended:
        best = f"#{summary.best.number} {interval_text(summary.tests[summary.best.number])}"
        for compared in summary.comparisons:
            difference = interval_text(compared.difference, sign=True)
            print(f"| {name} | {best} | #{compared.other} | {difference} |")


def _compare(arguments: argparse.Namespace) -> None:
    """Print the acceptance of an agent beside that of one-shot reflection, at equal tokens."""
    form, prompt = arguments.forms[0], arguments.prompts[0]
    print(
        f"chronicle, {arguments.reflections} candidates by an agent; {caption(arguments.model)}\n", flush=True
    )
    steps = {"steps": arguments.steps, "tokens": arguments.candidate_tokens}
    agent, _ = _reflected(arguments, form, prompt, proposer="agent", agent=steps)
    wanted, asked = spent(agent), arguments.reflections
    one_shot, _ = _reflected(arguments, form, prompt)
    while spent(one_shot) < wanted and asked < arguments.most_reflections:
        asked = min(2 * asked, arguments.most_reflections)
        one_shot, _ = _reflected(arguments, form, prompt, budget=asked)
    equal = min(wanted, spent(one_shot))
    print(f"Counted within {equal:,} tokens of the model for each.\n\n{BESIDE}")
    print(within(agent, equal).row("agent"))
    print(within(one_shot, equal).row(f"one completion ({form}, {prompt}, up to {DRAWS} draws)"))


def _reflected(
    arguments: argparse.Namespace, form: str, prompt: str, budget: int | None = None, **search: object
) -> tuple[RunRecord, Summary]:
    config = configuration(
        arguments,
        "chronicle",
        ModelsConfig(reflector=role(arguments)),
        seeds=tuple(arguments.programs.split(",")),
        budget=budget or arguments.reflections,
        jobs=arguments.concurrency,
        search={
            "mutators": "model",
            "selection": "uniform",
            "edit": form,
            "prompt": prompt,
            "retry": "draw",
            "repairs": DRAWS - 1,
            "crossover": 0.0,
            "racing": False,
            **search,
        },
        evaluation={"static": arguments.static},
    )
    name = f"acceptance-{search.get('proposer', form)}-{prompt}"
    summary = conducted(config, arguments.root, name)
    return RunRecord.open(arguments.root, name), summary


def _series(record: RunRecord) -> list[tuple[Try, ...]]:
    """The draws of each reflection."""
    events = [event for event in record.events() if isinstance(event, Proposed | Discarded)]
    latest = {event.number: event.tries for event in events if event.tries}
    return [latest[number] for number in sorted(latest)]


def _shares(series: Sequence[tuple[Try, ...]]) -> tuple[str, ...]:
    draws = [one.became for tries in series for one in tries]
    return (
        str(len(draws)),
        _share([became in VALID for became in draws]),
        _share([became in EFFECT for became in draws]),
        _share([any(one.became in VALID for one in tries[:DRAWS]) for tries in series]),
        _share([any(one.became in EFFECT for one in tries[:DRAWS]) for tries in series]),
    )


def _share(hits: Sequence[bool]) -> str:
    return f"{sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.0%})" if hits else "–"


def _better(record: RunRecord) -> int:
    """Candidates of a higher quality than their parent on the validation tasks."""
    joined: dict[int, Candidate] = {
        event.candidate.number: event.candidate for event in record.events() if isinstance(event, Joined)
    }
    evaluated = {event.number for event in record.events() if isinstance(event, Evaluated)}
    return sum(
        candidate.objectives.get("quality", 0.0) > joined[candidate.parents[0]].objectives.get("quality", 0.0)
        for candidate in joined.values()
        if candidate.parents and candidate.number in evaluated
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--programs", default="lexical,hybrid,vector_search", help="initial programs")
    parser.add_argument("--reflections", type=int, default=40)
    parser.add_argument("--static", type=int, default=200, help="validation tasks")
    parser.add_argument("--forms", nargs="+", default=["definitions"])
    parser.add_argument("--prompts", nargs="+", default=["compact"], choices=["compact", "full"])
    parser.add_argument("--proposer", default="completion", choices=["completion", "agent"])
    parser.add_argument("--steps", type=int, default=16, help="most replies of an agent for a candidate")
    parser.add_argument("--candidate-tokens", type=int, default=60_000, help="most tokens for a candidate")
    parser.add_argument("--most-reflections", type=int, default=400, help="most one-shot candidates")
    return parser.parse_args()


if __name__ == "__main__":
    main()
