"""Records with their places: every complaint names file, line and remedy."""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.data.reading import json_array, json_object, rows_of
from evolve.data.rows import Row
from evolve.errors import UsageError

RECORDS = [{"id": "1", "text": "one \u2028 line"}, {"id": "2", "text": "zwei\x85"}, {"id": "3", "n": 3}]


def values(rows: Iterator[Row]) -> list[dict]:
    return [dict(row.fields) for row in rows]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("pack", [("", bytes), (".xz", lzma.compress), (".gz", gzip.compress)])
def test_json_lists_packed_or_not(tmp_path: Path, indent: int | None, pack: tuple) -> None:
    path = tmp_path / f"a.json{pack[0]}"
    path.write_bytes(pack[1](json.dumps(RECORDS, indent=indent, ensure_ascii=False).encode()))
    assert values(rows_of(path)) == RECORDS


def test_json_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    assert values(rows_of(path)) == RECORDS
    assert [row.where for row in rows_of(path)] == ["a.jsonl, line 1", "a.jsonl, line 3", "a.jsonl, line 5"]


def test_records_of_a_list_know_the_line_they_begin_on(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\n[\n  {"a": 1\n},\n {}\n, {}]')
    assert [row.where for row in rows_of(path)] == [
        "a.json, line 3, record 0",
        "a.json, line 5, record 1",
        "a.json, line 6, record 2",
    ]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pyarrow.Table.from_pylist([{"id": "1", "nested": [{"a": 1}]}, {"id": "2", "nested": []}])
    pq.write_table(table, tmp_path / "a.parquet")
    rows = list(rows_of(tmp_path / "a.parquet"))
    assert [dict(row.fields) for row in rows] == table.to_pylist()
    assert rows[1].where == "a.parquet, row 1"
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-10])
    with pytest.raises(UsageError, match=r"cut\.parquet is not a whole Parquet file.*Fetch it again"):
        list(rows_of(tmp_path / "cut.parquet"))


def test_parquet_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'evolve-memory\[data\]'.*a\.jsonl"):
        list(rows_of(tmp_path / "a.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": 2, "b"', r"a\.jsonl is not JSON: line 2, column \d+: .*Fetch it again"),
        ("a.jsonl", b'{"a": 1}\n\n[1]\n', r"a\.jsonl, line 3 is \[1\]; expected an object"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}', r"not UTF-8"),
        (
            "a.jsonl",
            b'{"a": 1}\n' * 20 + b'{"a": "\xc3\xa9\xff"}\n',
            r"UTF-8 text: line 21, column 9: .* 0xff",
        ),
        ("a.jsonl", b'{"a": 1}\n{"a": 2\n{"a": 3}\n', r"not JSON: line 2, column 8"),
        (
            "a.json",
            b'[{"a": 1},\n{"a": 2,\n\n{"a": 3}]',
            r"line 4, column 1 \(in the record .* begins on line 2",
        ),
        ("a.jsonl", b'{"a": "\\ud83d"}', r"a\.jsonl, line 1: 'a' is '\\ud83d', which is not valid Unicode"),
        ("a.json", b'[{"a": [1, {"b": "\\udc00"}]}]', r"record 0: 'a' 1, 'b' is .*not valid Unicode"),
        ("a.jsonl", b'{"\\ud83d": 1}', r"the name of a field is .*not valid Unicode"),
        ("a.jsonl", b'{"a": ' + b"1" * 5000 + b"}", r"line 1: the record cannot be read"),
        ("a.jsonl", b"[" * 100_000, r"line 1: the record cannot be read"),
        ("a.jsonl", b"\n \n", "has no records"),
        ("a.json", b'[{"a": 1},\n{"a": ', r"a\.json is not JSON: line 2, column"),
        ("a.json", b'[{"a": 1},\n', r"a\.json is not JSON: line 2"),
        ("a.json", b'[{"a": 1}\n', r"line 2: expected , or \], found the end of the file"),
        ("a.json", b'[{"a": 1}\n{"a": 2}]', r"line 2: expected , or \], found '\{\"a\": 2\}\]'"),
        ("a.json", b'[{"a": 1}]\nrest', "expected nothing after the list of records, found 'rest'"),
        ("a.json", b"", r"expected a list of records, found ''"),
        ("a.json", b'{"a": 1}', "expected a list of records"),
        ("a.json.xz", lzma.compress(b"[]" * 99)[:-9], "is damaged: it does not unpack"),
        ("a.json.gz", b"plain", "is damaged: it does not unpack"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(rows_of(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.json cannot be read: No such file"):
        list(rows_of(tmp_path / "a.json"))
    (tmp_path / "o.json").write_text("[1]")
    with pytest.raises(UsageError, match=r"o\.json is \[1\]; expected an object"):
        json_object(tmp_path / "o.json")


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), max_size=5))
def test_a_list_is_read_as_the_standard_library_reads_it(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict]
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    assert values(json_array(path)) == records


ROW = Row("f, line 7", {"s": "x", "n": 3, "f": 0.5, "b": True, "blank": " ", "null": None, "l": ["a", 1]})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ROW.text("z"), r"f, line 7 lacks the field 'z': it has s, n, f, b"),
        (lambda: ROW.text("n"), r"f, line 7: 'n' is 3; expected str"),
        (lambda: ROW.text("blank"), r"'blank' is empty; expected text"),
        (lambda: ROW.text("null"), r"'null' is None; expected str"),
        (lambda: ROW.integer("b"), r"'b' is True; expected int"),
        (lambda: ROW.number("s"), r"'s' is 'x'; expected int or float"),
        (lambda: ROW.flag("n"), r"'n' is 3; expected bool"),
        (lambda: ROW.texts("l"), r"f, line 7, l 1 is 1; expected str"),
        (lambda: list(ROW.rows("l")), r"f, line 7, l 0 is 'a'; expected an object"),
        (lambda: ROW.row("s"), r"'s' is 'x'; expected dict"),
    ],
)
def test_a_field_that_is_not_as_expected(call, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        call()


def test_fields_as_they_should_be() -> None:
    assert (ROW.text("s"), ROW.label("n"), ROW.number("n"), ROW.flag("b")) == ("x", "3", 3.0, True)
    assert "s" in ROW
    assert "null" not in ROW
    assert "z" not in ROW
