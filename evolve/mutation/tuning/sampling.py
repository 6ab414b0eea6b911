"""Sampler of hyperparameter values: Optuna's TPE, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evolve.mutation.knobs import rounded
from evolve.program.parts import Knob

if TYPE_CHECKING:
    import optuna


class Sampler:
    """Sampler of hyperparameter values from recorded outcomes; the defaults come first. Deterministic for a
    seed.

    Args:
        knobs: at least one.
        maximise: for each objective, whether more is better.
        seed: random seed.
    """

    def __init__(self, knobs: Mapping[str, Knob], maximise: Sequence[bool], seed: int) -> None:
        import optuna  # half a second, for campaigns that tune

        optuna.logging.set_verbosity(optuna.logging.WARNING)  # otherwise it announces each study on stderr
        self._knobs = knobs
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(
            directions=["maximize" if more else "minimize" for more in maximise],
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8),
        )
        self._study.enqueue_trial({name: knob.default for name, knob in knobs.items()})
        self._trial: optuna.Trial | None = None

    def ask(self) -> dict[str, float]:
        """Return the next values, within their bounds."""
        self._trial = self._study.ask()
        found = {name: self._suggested(name, knob) for name, knob in self._knobs.items()}
        return {
            name: value if value == self._knobs[name].default else rounded(self._knobs[name], value)
            for name, value in found.items()
        }

    def tell(self, objectives: Sequence[float] | None, shortfall: float = 0.0) -> None:
        """Record the outcome of the last values.

        Args:
            objectives: their outcome, in the order of ``maximise``; None where they failed.
            shortfall: amount by which they violate the constraint; at 0 and below they satisfy it.
        """
        assert self._trial is not None  # it was asked first
        if objectives is None:
            self._study.tell(self._trial, state=self._failed)
            return
        self._trial.set_constraint("shortfall", shortfall)
        self._study.tell(self._trial, list(objectives))

    def _suggested(self, name: str, knob: Knob) -> float:
        assert self._trial is not None
        if knob.integer:
            return self._trial.suggest_int(name, int(knob.low), int(knob.high))
        return self._trial.suggest_float(name, knob.low, knob.high)
