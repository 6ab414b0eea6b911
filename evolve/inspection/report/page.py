"""The page: data, style and scripts in one HTML file that loads nothing else.

Programs, messages and answers are foreign text. They enter the page as JSON in a data block, in which no
character can end the block or begin markup; the scripts put them on the page as text, never as HTML; and a
Content-Security-Policy names the scripts by hash, so that nothing else would run even if it got in.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from functools import cache
from pathlib import Path
from string import Template

from evolve.files.durable import replace_file
from evolve.inspection.report.data import Report
from evolve.inspection.text import plain
from evolve.text import one_line

ASSETS = Path(__file__).resolve().parent.parent / "assets"
VENDORED = ("d3.min.js", "plot.umd.min.js", "prism-core.min.js", "prism-python.min.js")
SCRIPTS = ("dom", "data", "keyboard", "charts", "lineage", "items", "programs", "outcome", "app")
"""Our own scripts in their order: they share one scope."""


def page(report: Report, *others: Report, live: bool = False) -> str:
    """Return the HTML of ``report``, and of others that the reader may choose.

    Args:
        report: report of the run that the page opens with. others: reports of further runs.
        live: the page is served, and polls its server for newer data; from a file it loads nothing.
    """
    scripts = [*_vendored(), _own()]
    template = Template((ASSETS / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        policy=policy(live=live),
        title=html.escape(one_line(f"{report.main['meta']['run']}: evolve report")),
        style=(ASSETS / "report.css").read_text(encoding="utf-8"),
        mode="live" if live else "file",
        main=as_data_block(report.main),
        items=report.items,
        more=as_data_block([{"main": other.main, "items": other.items} for other in others]),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def policy(*, live: bool = False) -> str:
    """The Content-Security-Policy: our scripts, inline style (charts set it), nothing from anywhere else."""
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in (*_vendored(), _own()))
    connect = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def as_data_block(data: object) -> str:
    """Return ``data`` as JSON that is safe inside ``<script type="application/json">`` whatever it holds.

    Only ASCII is left, and no ``<``, ``>`` or ``&``: neither ``</script>`` nor ``<!--`` nor U+2028 can occur.
    A number that is not finite becomes null.
    """
    text = json.dumps(plain(data), separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def write_report(report: Report, path: Path, *others: Report) -> int:
    """Write the page of ``report`` and ``others`` to ``path``, whole or not at all; return its size in bytes.

    Raises:
        InfrastructureError: it could not be written.
    """
    data = page(report, *others).encode("utf-8")
    replace_file(path, data)
    return len(data)


@cache
def _vendored() -> tuple[str, ...]:
    return tuple((ASSETS / "vendor" / name).read_text(encoding="utf-8").strip() for name in VENDORED)


@cache
def _own() -> str:
    texts = ((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return '"use strict";\n(() => {\n' + "\n".join(texts) + "\n})();"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
