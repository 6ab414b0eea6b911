"""The ``where`` and ``where_document`` conditions of chromadb, as predicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Metadata = dict[str, Any]
Test = Callable[[Any], bool]


def metadata_test(where: Metadata) -> Test:
    """The predicate on a metadata dict that ``where`` says.

    Raises:
        ValueError: it has no, or more than one, condition on a level, or an unknown operator.
    """
    key, condition = _only(where, "where")
    if key in ("$and", "$or"):
        return _combined(key, condition, metadata_test)
    if not isinstance(condition, dict):
        condition = {"$eq": condition}
    operator, operand = _only(condition, f"where[{key!r}]")
    compare = _COMPARISONS.get(operator)
    if compare is None:
        raise ValueError(f"Expected where operator to be one of {', '.join(_COMPARISONS)}, got {operator}")
    if operator in ("$in", "$nin") and not (isinstance(operand, (list, tuple)) and operand):
        raise ValueError(f"Expected the operand of {operator} to be a non-empty list, got {operand!r}")
    if operator in ("$gt", "$gte", "$lt", "$lte") and not _is_number(operand):
        raise ValueError(f"Expected the operand of {operator} to be an int or a float, got {operand!r}")
    return lambda metadata: compare(metadata.get(key), operand)


def document_test(where: Metadata) -> Test:
    """The predicate on a document that ``where_document`` says; raises as ``metadata_test`` does."""
    operator, operand = _only(where, "where_document")
    if operator in ("$and", "$or"):
        return _combined(operator, operand, document_test)
    if operator == "$contains":
        return lambda document: document is not None and operand in document
    if operator == "$not_contains":
        return lambda document: document is None or operand not in document
    raise ValueError(
        f"Expected where_document operator $contains, $not_contains, $and or $or, got {operator}"
    )


def _combined(operator: str, parts: Any, build: Callable[[Metadata], Test]) -> Test:
    if not isinstance(parts, (list, tuple)) or len(parts) < 2:
        raise ValueError(f"Expected {operator} to be a list of at least two conditions, got {parts!r}")
    tests = [build(part) for part in parts]
    combine = all if operator == "$and" else any
    return lambda value: combine(test(value) for test in tests)


def _only(condition: Any, what: str) -> tuple[str, Any]:
    if not isinstance(condition, dict) or len(condition) != 1:
        raise ValueError(f"Expected {what} to have exactly one operator, got {condition!r}")
    return next(iter(condition.items()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(value: Any, operand: Any) -> bool:
    """Equality that takes 1 for 1.0, but not for True."""
    return isinstance(value, bool) == isinstance(operand, bool) and value is not None and value == operand


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: _is_number(value) and compare(value, operand)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _same,
    "$ne": lambda value, operand: not _same(value, operand),
    "$gt": _ordered(lambda value, operand: value > operand),
    "$gte": _ordered(lambda value, operand: value >= operand),
    "$lt": _ordered(lambda value, operand: value < operand),
    "$lte": _ordered(lambda value, operand: value <= operand),
    "$in": lambda value, operands: any(_same(value, operand) for operand in operands),
    "$nin": lambda value, operands: not any(_same(value, operand) for operand in operands),
}
