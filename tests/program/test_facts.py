from __future__ import annotations

import ast

from evolve.program import MemoryProgram
from evolve.program.facts import facts_by_text, facts_of
from evolve.program.identity import fingerprint
from evolve.program.parsing import tree_of
from evolve.program.source import Source, source_of


def test_a_source_knows_what_its_tree_says(style, seeds):
    for text in (style, *seeds.values()):
        source = Source(text)
        whole = facts_of(ast.parse(text))
        assert dict(source.mentions) == dict(whole.mentions)
        assert source.loaded == whole.loaded
        assert source.fingerprint == fingerprint(ast.parse(text))


def test_statements_of_one_text_are_told_apart_by_their_place():
    source = Source("self.a = 1; self.bb = x\n")
    first, second = source.tree.body
    assert facts_by_text.of(source, first).resources == {"self.a"}
    assert facts_by_text.of(source, second).resources == {"self.bb"}
    again = Source("\n\nself.a = 1; self.bb = x\n")
    assert facts_by_text.of(again, again.tree.body[1]) is facts_by_text.of(source, second)


def test_a_text_that_stands_alone_is_prose():
    assert facts_of(ast.parse('"""Rows from notes."""\n"""Taken from letters."""')).resources == set()
    assert facts_of(ast.parse('x = "select a from notes"')).resources == {"table notes"}


def test_a_program_is_parsed_once(host, monkeypatch):
    text = host + "\n# nothing like it was parsed before\n"
    calls = []
    parse = ast.parse
    monkeypatch.setattr(
        ast, "parse", lambda *given, **options: calls.append(given) or parse(*given, **options)
    )
    program = MemoryProgram(text)
    assert program.problems == ()
    assert program.tree is tree_of(text) is source_of(text).tree
    assert program.parts.methods
    assert program.fingerprint
    assert len(calls) == 1
