"""Whether changed instructions are worth as much as changed code, with an agent that reads them.

    python benchmarks/real/instructions.py --model gguf:PATH --children 4

runs two small campaigns on chronicle in which the model is agent, toolkit and reflector: one may change the
four instruction constants only (``--freeze code``), the other all but them (``--freeze instructions``),
with the same number of candidates. Quality is token F1 of the model's answers. Prints the best of each
against its parent on the test tasks; intervals are at 95 %, paired.
"""

from __future__ import annotations

import argparse

from common import add_options, caption, conducted, configuration, interval_text, role

from evolve.config import ModelsConfig


def main() -> None:
    """Run the campaigns that are missing and print the table."""
    arguments = _arguments()
    one = role(arguments, temperature=0)
    models = ModelsConfig(task=one, toolkit=one, reflector=role(arguments))
    print(f"chronicle, {arguments.children} candidates each; {caption(arguments.model)}\n", flush=True)
    print("| changed | best | validation F1 | test F1 | minus the initial program, paired |")
    print("|---|---|---|---|---|", flush=True)
    for changed, frozen in (("instructions", "code"), ("code", "instructions")):
        config = configuration(
            arguments,
            "chronicle",
            models,
            seeds=(arguments.program,),
            budget=arguments.children,
            jobs=1,
            search={"freeze": frozen, "mutators": "model"},
            evaluation={
                "static": arguments.static,
                "rotating": 4,
                "test": arguments.test,
                "episode_ratio": 1.0,
                "metric": "f1",
            },
        )
        summary = conducted(config, arguments.root, f"instructions-{changed}")
        best = summary.best
        difference = next((compared.difference for compared in summary.comparisons), None)
        cells = (
            changed,
            f"#{best.number} {best.operator}",
            f"{best.objectives['quality']:.3f}",
            interval_text(summary.tests[best.number]),
            interval_text(difference, sign=True) if difference else "none was better on validation",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--program", default="lexical", help="initial program")
    parser.add_argument("--children", type=int, default=4, help="candidates of each campaign")
    parser.add_argument("--static", type=int, default=12, help="validation tasks")
    parser.add_argument("--test", type=int, default=24, help="test tasks")
    return parser.parse_args()


if __name__ == "__main__":
    main()
