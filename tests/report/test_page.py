"""The page: what stands in it is inert, whatever programs, messages and answers hold."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.inspection.report.page import ASSETS, Report, as_data_block, page, policy, write_report

HOSTILE = (
    "</script><script>alert(1)</script><!-- \u2028 \u2029 \x00 \ud800 & <img src=x onerror=alert(1)> $main"
)


def block(html: str, name: str) -> str:
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', html, re.DOTALL)
    assert found
    return found[1]


def report(text: str) -> Report:
    return Report({"meta": {"run": text}, "source": text}, "H4sIAAAAAAACA6uuBQBDv6ajAgAAAA==")


def test_hostile_text_stays_data() -> None:
    html = page(report(HOSTILE))
    harmless = page(report("demo"))
    assert html.lower().count("<script") == harmless.lower().count("<script")
    assert html.lower().count("</script") == harmless.lower().count("</script")
    assert "alert(1)</" not in html
    assert "<img" not in html
    assert not {"\u2028", "\u2029", "\x00"} & set(html) - set(harmless)
    assert json.loads(block(html, "main-data"))["source"] == HOSTILE
    html.encode("utf-8")  # no lone surrogate is left


@given(
    st.recursive(
        st.text() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_data_make_an_inert_block(data: Any) -> None:
    text = as_data_block(data)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert as_data_block(json.loads(text)) == text


def test_the_policy_allows_our_scripts_and_nothing_else() -> None:
    html = page(report(HOSTILE))
    found = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert found
    assert html.index(found[0]) < html.index("<script"), "a policy holds for what comes after it"
    rules = dict(rule.strip().split(" ", 1) for rule in found[1].split(";"))
    assert (
        rules["default-src"] == rules["base-uri"] == rules["form-action"] == rules["connect-src"] == "'none'"
    )
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts}
    assert set(rules["script-src"].split()) == hashes
    assert len(scripts) == 5
    assert "connect-src 'self'" in policy(live=True)


def test_the_page_asks_for_nothing() -> None:
    html = page(report("demo"))
    ours = re.sub(r"<script>.*?</script>", "", html, count=4, flags=re.DOTALL)
    for pattern in (
        r"<script[^>]+src",
        r"<link[^>]+href=\"(?!data:)",
        r"url\(",
        r"@import",
        r"https?://(?!www\.w3\.org/)",
    ):
        assert not re.search(pattern, ours), pattern


def test_our_scripts_never_make_html_of_text() -> None:
    for path in ASSETS.glob("*.js"):
        text = path.read_text()
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert way not in text, f"{way} in {path.name}"


def test_what_is_vendored_is_what_is_recorded() -> None:
    folder = ASSETS / "vendor"
    files = tomllib.loads((folder / "vendored.toml").read_text())["files"]
    assert {entry["name"] for entry in files} == {path.name for path in folder.glob("*.js")}
    for entry in files:
        assert hashlib.sha256((folder / entry["name"]).read_bytes()).hexdigest() == entry["sha256"], entry[
            "name"
        ]
        assert "copyright" in (folder / entry["licence_file"]).read_text().lower()


def test_several_runs_are_in_one_page_as_inert_data() -> None:
    html = page(report("first"), report(HOSTILE), report("third"))
    more = json.loads(block(html, "more-data"))
    assert [one["main"]["meta"]["run"] for one in more] == [HOSTILE, "third"]
    assert json.loads(block(html, "main-data"))["meta"]["run"] == "first"
    assert html.lower().count("<script") == page(report("demo")).lower().count("<script")
    assert json.loads(block(page(report("alone")), "more-data")) == []


def test_write_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    size = write_report(report("demo"), path)
    assert path.stat().st_size == size
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    items = base64.b64decode(block(path.read_text(), "items-data"))
    assert gzip.decompress(items) == b"{}"


@pytest.mark.parametrize("name", ["page.html", "report.css"])
def test_assets_are_there(name: str) -> None:
    assert (ASSETS / name).is_file()
