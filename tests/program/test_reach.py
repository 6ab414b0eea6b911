from __future__ import annotations

import ast

from evolve.program.reach import closure, reached

TREE = ast.parse(
    """
def a(x):
    return b(getattr(x, "d"))

def b(x):
    return x.c

def c():
    return a

def d(): ...
def e(): return e
"""
)
NAMED = {node.name: [node] for node in TREE.body if isinstance(node, ast.FunctionDef)}


def test_names_attributes_and_strings_reach_in_the_order_of_the_text():
    assert [node.name for node in reached(NAMED["a"], NAMED)] == ["a", "b", "c", "d"]
    assert [node.name for node in reached(NAMED["e"], NAMED)] == ["e"]
    assert reached([], NAMED) == []


def test_functions_of_one_name_are_reached_together():
    double = {**NAMED, "c": [*NAMED["c"], *NAMED["e"]]}
    assert [node.name for node in reached(NAMED["b"], double)] == ["b", "c", "a", "d", "e"]


def test_a_circle_ends():
    assert closure([0], lambda n: [(n + 1) % 3]) == [0, 1, 2]
