from __future__ import annotations

import ast
import sys

import pytest

from evolve.program.layout import dedented, indented, lines_in_strings

METHOD = '''class A:
    def f(self):
        """Doc.

        More.
        """
        text = """
zero
    four
"""
        joined = (
            "a"
            "b"
        )
      # an odd comment
        return f"""{text}
  two {joined}
""" + text
'''


def test_lines_that_begin_in_strings():
    assert lines_in_strings(METHOD) == {4, 5, 6, 8, 9, 10, 17, 18}


def test_dedent_and_indent_leave_strings_alone():
    method = dedented(METHOD, 2, 18)
    assert method.startswith('def f(self):\n    """Doc.\n\n        More.\n')
    assert 'text = """\nzero\n    four\n"""' in method
    assert "\n  # an odd comment\n" in method
    for margin in ("", "  ", "    ", "\t"):
        moved = "class A:\n" + indented(method, margin or " ")
        assert ast.dump(ast.parse(moved)) == ast.dump(ast.parse(METHOD))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="quotes may be used again from 3.12 on")
def test_nested_f_strings():
    text = 'def f():\n    return f"""{f"""{1}\n  a"""}\n  b"""\n'
    assert lines_in_strings(text) == {3, 4}


def test_blank_lines_get_no_blanks():
    assert indented("a\n\nb", "  ") == "  a\n\n  b"
