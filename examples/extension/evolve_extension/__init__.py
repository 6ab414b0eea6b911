"""A selector, a mutator and a judge, found by evolve through the entry points in pyproject.toml."""

import evolve
from evolve.agents.protocol import Grade
from evolve.program import with_knobs


class Underdog:
    """Selector: the candidate with the fewest offspring, the best of those."""

    def select(self, candidates, archive, rng):
        parents = [candidate.parents[0] for candidate in candidates if candidate.parents]
        scored = [candidate for candidate in candidates if candidate.complete]
        return min(scored, key=lambda c: (parents.count(c.number), -c.objectives["quality"]))


class Retune:
    """Mutator: halve or double one hyperparameter, within its bounds."""

    identity = "retune-1"

    def mutate(self, context, rng):
        knobs = context.program.parts.knobs
        if not knobs:
            return evolve.NoCandidate("retune", "the program has no hyperparameters")
        name = rng.choice(sorted(knobs))
        value = min(max(int(knobs[name].default * rng.choice([0.5, 2])), knobs[name].low), knobs[name].high)
        program = evolve.MemoryProgram(with_knobs(context.program.source, {name: value}))
        return evolve.Proposal(program, "retune", f"{name} = {value}", (context.parent.number,))


class Keyword:
    """Judge: an answer is right if it contains an accepted one."""

    identity = "keyword-1"

    def grade(self, tasks, answers, repeat=0):
        pairs = zip(tasks, answers, strict=True)
        return [Grade(float(any(a.lower() in text.lower() for a in task.answers))) for task, text in pairs]
