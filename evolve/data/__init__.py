"""Data files: sources, fetching, reading and splitting. Independent of any benchmark.

A benchmark names its files as ``DataFile``; ``locate`` finds one, ``rows_of`` reads it, and a ``Row``
complains with file and line. Fetching is in ``evolve.data.fetching``, imported where it is needed.
"""

from evolve.data.files import DataFile, locate, missing
from evolve.data.reading import content_of, csv_rows, fingerprint, json_object, rows_of
from evolve.data.rows import Row
from evolve.data.splitting import groups_apart, three_parts, validation_and_test

__all__ = [
    "DataFile",
    "Row",
    "content_of",
    "csv_rows",
    "fingerprint",
    "groups_apart",
    "json_object",
    "locate",
    "missing",
    "rows_of",
    "three_parts",
    "validation_and_test",
]
