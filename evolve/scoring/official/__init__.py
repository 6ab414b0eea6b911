"""Scoring rules of published benchmarks, re-implemented from the rules of their official code.

A rule keeps what surprises in the original, so that numbers can be compared with published ones. Each is
tested on a table of cases computed by hand (``tests/scoring/``).
"""
