from __future__ import annotations

import pickle

import pytest

from evolve.errors import (
    FAILURE_KINDS,
    BudgetReached,
    EvolveError,
    InfrastructureError,
    ModelError,
    ProgramError,
    UsageError,
)
from evolve.records import Failure


@pytest.mark.parametrize(
    "error",
    [UsageError("u"), ProgramError("load", "p"), InfrastructureError("i")],
    ids=lambda e: type(e).__name__,
)
def test_one_tree_three_branches(error):
    assert isinstance(error, EvolveError)
    others = {UsageError, ProgramError, InfrastructureError} - {type(error)}
    assert not isinstance(error, tuple(others))


def test_a_program_error_says_what_sort_it_is():
    error = ProgramError("timeout", "write ran past 60 s.", detail="trace", fatal=True)
    assert (str(error), error.kind, error.message, error.detail, error.fatal) == (
        "write ran past 60 s.",
        "timeout",
        "write ran past 60 s.",
        "trace",
        True,
    )
    plain = ProgramError("load", "m")
    assert (plain.detail, plain.fatal) == ("", False)


@pytest.mark.parametrize("kind", FAILURE_KINDS)
def test_every_kind_can_be_recorded(kind):
    failure = Failure.of(ProgramError(kind, "m", detail="a" * 5_000 + "end"), "read t1")
    assert (failure.kind, failure.where, failure.message) == (kind, "read t1", "m")
    assert failure.detail == ("a" * 5_000 + "end")[-4_000:]
    assert Failure.model_validate_json(failure.model_dump_json()) == failure


def test_an_infrastructure_error_says_what_to_do():
    error = InfrastructureError("No engine answered.", remedy="Start Docker.")
    assert str(error) == "No engine answered. Start Docker."
    assert (error.message, error.remedy) == ("No engine answered.", "Start Docker.")
    assert str(InfrastructureError("No engine answered.")) == "No engine answered."


@pytest.mark.parametrize(
    "error",
    [
        UsageError("u"),
        ProgramError("timeout", "m", detail="d", fatal=True),
        InfrastructureError("i", remedy="r"),
        ModelError("outage", "m", remedy="r"),
        BudgetReached("b"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_travel_between_our_processes(error: EvolveError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), vars(again)) == (str(error), vars(error))
