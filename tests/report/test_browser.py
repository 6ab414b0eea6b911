"""The report of a real campaign of 100 candidates, and the dashboard, in a real headless Chromium.

Needs ``playwright`` and the ``chromium`` of the system. The campaign takes some minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.config import DEFAULT_SEEDS
from evolve.inspection.dashboard import open_dashboard
from evolve.inspection.report import build_report, write_report
from evolve.journal import RunRecord
from evolve.models.calls import Call, CallFile
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
SEEDS, CHILDREN = len(DEFAULT_SEEDS), 95
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REACHABLE = """() => [
  ...document.querySelectorAll('a[href], a.point, button, select, input, summary, [tabindex]')
].filter((node) => node.checkVisibility() && node.id !== 'content' && node.id !== 'detail-title')"""
NAMELESS = """(node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length
  || document.getElementById(node.getAttribute('aria-labelledby'))?.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    with playwright.sync_playwright() as found:
        opened = found.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A campaign as a user runs one, with the offline models, on the embedded benchmark."""
    root = tmp_path_factory.mktemp("runs")
    command = [
        sys.executable,
        "-m",
        "evolve",
        "run",
        "--name",
        "big",
        "--budget",
        str(CHILDREN),
        "--jobs",
        "2",
    ]
    command += ["--sandbox", "process", "--plain", "--root", str(root)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return RunRecord.open(root, "big")


@pytest.fixture(scope="module")
def report(big: RunRecord) -> Path:
    path = big.path.parent / "big.html"
    write_report(build_report(big), path)
    return path


class Watched:
    """A page, with what it complained of and what it asked for."""

    def __init__(self, browser: Any, **options: Any):
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console", lambda line: line.type in ("error", "warning") and self.errors.append(line.text)
        )
        self.page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
def watch(browser: Any) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def start(**options: Any) -> Watched:
        opened.append(Watched(browser, **options))
        return opened[-1]

    yield start
    for watched in opened:
        watched.context.close()
        assert watched.errors == []


def open_file(watched: Watched, path: Path, place: str = "") -> Any:
    watched.page.goto(f"{path.as_uri()}{place}")
    watched.page.wait_for_selector("#detail-title, #detail .hint")
    return watched.page


def await_program(page: Any, number: object) -> None:
    """Wait until the program is shown: a browser follows a link when it comes to it."""
    title = "document.getElementById('detail-title').textContent"
    page.wait_for_function(f"(number) => {title}.startsWith(`#${{number}} `)", arg=str(number))


def focused(page: Any) -> str:
    """What has the focus, in a word that says which."""
    return page.evaluate(
        "() => { const n = document.activeElement; return n.id || n.dataset.number || n.textContent.trim() }"
    )


def test_it_opens_quickly_and_asks_for_nothing(watch: Callable[..., Watched], report: Path) -> None:
    assert report.stat().st_size < 5_000_000
    watched = watch()
    times = []
    for _ in range(3):
        page = open_file(watched, report)
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].domComplete"))
        page.goto("about:blank")
    print(f"{report.stat().st_size / 1e6:.2f} MB, drawn after {', '.join(f'{t:.0f}' for t in times)} ms")
    assert min(times) < 2000
    assert {url.split(":")[0] for url in watched.requests} <= {"file", "about", "data"}


def test_everything_is_drawn(watch: Callable[..., Watched], report: Path, big: RunRecord) -> None:
    page = open_file(watch(), report)
    history = RunHistory.read(big)
    there = len(history.candidates)
    assert there + len(history.discarded) == SEEDS + CHILDREN
    page.get_by_label("show those far off too").check()
    scored = sum(bool(candidate.objectives) for candidate in history.candidates)
    for chart in ("front", "best", "descent", "map"):
        assert page.locator(f'[data-chart="{chart}"] a.point').count() == scored, chart
    assert page.locator('[role="treeitem"]').count() == there
    assert page.locator(".programs a").count() == there
    for chart, mark in (("hypervolume", "path"), ("stages", "rect"), ("categories", "rect")):
        assert page.locator(f'[data-chart="{chart}"] {mark}').count() > 3, chart
    before = page.locator('[data-chart="front"] svg').get_attribute("aria-label")
    page.get_by_label("Against").select_option("latency")
    assert page.locator('[data-chart="front"] svg').get_attribute("aria-label") != before


def test_a_click_leads_to_the_program(watch: Callable[..., Watched], report: Path, big: RunRecord) -> None:
    page = open_file(watch(), report)
    history = RunHistory.read(big)
    best = history.best
    assert best is not None
    page.locator(f'[data-chart="front"] a.point[data-number="{best.number}"]').hover()
    assert f"#{best.number}" in page.locator("#tip").inner_text()
    page.locator(f'[data-chart="front"] a.point[data-number="{best.number}"]').click()
    await_program(page, best.number)
    assert page.locator("#detail-title").is_visible()
    page.get_by_role("tab", name="Source").click()
    shown = page.locator("pre.numbered").evaluate("(node) => node.textContent")
    assert shown.rstrip("\n") == big.program(best.program).source.rstrip("\n")
    page.get_by_role("tab", name="Diff to").click()
    assert page.locator(".diff .added").count() > 0
    page.get_by_role("tab", name="Tasks").click()
    page.locator("a.task").first.click()
    page.wait_for_selector(".trace h5")
    assert "Retrieved" in page.locator(".trace").inner_text()
    page.go_back()
    assert page.locator(".trace").count() == 0


def test_search_finds_code_messages_and_numbers(watch: Callable[..., Watched], report: Path) -> None:
    page = open_file(watch(), report)
    page.get_by_label("Search programs").fill("_add_vectors hybrid")
    assert 0 < page.locator(".programs a").count() < SEEDS + CHILDREN
    assert "found" in page.locator("#search-status").inner_text()
    shown = page.locator("#detail-title").inner_text().split()[0]
    page.get_by_label("Search programs").fill(shown)
    page.get_by_label("Search programs").press("Enter")
    assert focused(page) == "detail-title", "also where what is found was shown before"
    page.get_by_label("Search programs").fill("#7")
    assert page.locator(".programs a").first.get_attribute("data-number") == "7"
    page.get_by_label("Search programs").press("Enter")
    await_program(page, 7)
    page.get_by_label("Search programs").fill("zzqqxx")
    assert page.locator(".programs a").count() == 0


def test_all_of_it_by_keyboard(watch: Callable[..., Watched], report: Path) -> None:
    page = open_file(watch(), report)
    keyboard = page.keyboard
    keyboard.press("Tab")
    assert focused(page) == "Skip to the report"
    keyboard.press("/")
    assert focused(page) == "search"
    keyboard.type("hybrid")
    keyboard.press("Enter")
    assert focused(page) == "detail-title"
    keyboard.press("Tab")
    assert focused(page) == "tab-overview"
    keyboard.press("ArrowRight")
    assert focused(page) == "tab-source"
    assert page.locator("pre.numbered").is_visible()
    keyboard.press("ArrowRight")
    assert focused(page) == "tab-tasks"

    page.locator('[data-chart="front"] a.point[tabindex="0"]').focus()
    first = focused(page)
    keyboard.press("ArrowLeft")
    assert focused(page) != first
    assert page.locator("#tip").is_visible()
    chosen = focused(page)
    keyboard.press("Enter")
    await_program(page, chosen)

    page.locator('[role="treeitem"][tabindex="0"]').focus()
    keyboard.press("End")
    keyboard.press("Home")
    row = page.locator('[role="treeitem"]').first
    for _ in range(SEEDS + CHILDREN):  # down to one that has children, whatever the campaign came to
        keyboard.press("ArrowDown")
        row = page.locator(f'[role="treeitem"][data-number="{focused(page)}"]')
        if row.get_attribute("aria-expanded"):
            break
    assert row.get_attribute("aria-expanded") == "true"
    keyboard.press("ArrowLeft")
    assert row.get_attribute("aria-expanded") == "false"
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    child = focused(page)
    level = page.locator(f'[role="treeitem"][data-number="{child}"]').get_attribute("aria-level")
    assert int(level or 0) == int(row.get_attribute("aria-level") or 0) + 1
    keyboard.press("Enter")
    await_program(page, child)


@pytest.mark.parametrize("tab", ["overview", "source", "diff", "tasks"])
def test_nothing_is_out_of_reach_and_all_has_a_name(
    watch: Callable[..., Watched], report: Path, tab: str
) -> None:
    page = open_file(watch(), report, f"#c20/{tab}")
    assert (
        page.evaluate(f"({REACHABLE})().filter({NAMELESS}).map((node) => node.outerHTML.slice(0, 200))") == []
    )
    page.evaluate(f"() => {{ window.due = new Set(({REACHABLE})()); document.activeElement.blur() }}")
    for _ in range(page.evaluate("window.due.size") + 5):
        page.keyboard.press("Tab")
        page.evaluate("window.due.delete(document.activeElement)")
    # What Tab passed over must be in a group that has one tab stop, and is walked with the arrows.
    left = page.evaluate(
        """() => [...window.due].filter((node) => node.getAttribute('tabindex') !== '-1'
             || !node.closest('.chart, .tree, .programs, .tabs, .items')
                     .querySelector('[tabindex="0"]')).map((node) => node.outerHTML.slice(0, 200))"""
    )
    assert left == []


def test_keys_reach_every_point_of_a_chart(watch: Callable[..., Watched], report: Path) -> None:
    """A search over what the keys do: arrows go to neighbours, the page keys by order."""
    page = open_file(watch(), report)
    points = '[data-chart="map"] a.point'
    total = page.locator(points).count()
    page.locator(points).first.focus()
    walk = """([points, keys]) => {
          const nodes = [...document.querySelectorAll(points)];
          const seen = new Set([document.activeElement]);
          const due = [document.activeElement];
          while (due.length) {
            const node = due.pop();
            for (const key of keys) {
              node.focus();
              node.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
              const next = document.activeElement;
              if (nodes.includes(next) && !seen.has(next)) { seen.add(next); due.push(next); }
            }
          }
          return seen.size;
        }"""
    arrows = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]
    assert page.evaluate(walk, [points, arrows]) > 0.9 * total
    assert page.evaluate(walk, [points, [*arrows, "PageUp", "PageDown"]]) == total


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen(
    watch: Callable[..., Watched], report: Path, width: int, scheme: str
) -> None:
    watched = watch(viewport={"width": width, "height": 800}, color_scheme=scheme, is_mobile=width < 500)
    for tab in ("overview", "source", "diff", "tasks"):
        page = open_file(watched, report, f"#c20/{tab}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        page.goto("about:blank")


def test_hostile_programs_and_answers_do_nothing(
    watch: Callable[..., Watched], run: RunRecord, tmp_path: Path
) -> None:
    path = tmp_path / "demo.html"
    write_report(build_report(run), path)
    page = open_file(watch(), path)
    for number in range(4):
        for tab in ("overview", "source", "diff", "tasks", "tasks/t0"):
            page.evaluate(f"location.hash = '#c{number}/{tab}'")
            page.wait_for_timeout(50)
    page.evaluate("location.hash = '#c2/tasks/t0'")
    page.wait_for_selector(".trace pre")
    assert "window.hacked=1" in page.locator(".trace").inner_text(), "it is shown as what it is"
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    page.evaluate("location.hash = '#c99/<img src=x>'")
    page.wait_for_timeout(50)
    await_program(page, 2)


def test_spending_by_role_and_hypervolume_by_price_where_models_were_asked(
    watch: Callable[..., Watched], run: RunRecord, tmp_path: Path
) -> None:
    offline, paid = tmp_path / "offline.html", tmp_path / "paid.html"
    write_report(build_report(run), offline)
    file = CallFile(run.calls)
    for number, usd in enumerate((0.5, 0.25, 1.0)):
        file.append(
            Call(at=0, role="task", cause="answer", model="m", candidate=number, tokens_in=9, usd=usd)
        )
    file.append(Call(at=0, role="judge", cause="judge", model="j", candidate=2, usd=4.0, test=True))
    file.close()
    write_report(build_report(run), paid)

    page = open_file(watch(), offline)
    assert page.locator("#spending").count() == 0
    assert not page.locator('nav a[href="#spending"]').is_visible()
    choices = page.locator("#progress option").all_inner_texts()
    assert "USD" not in choices
    page = open_file(watch(), paid)
    page.locator('nav a[href="#spending"]').click()
    assert page.locator('[data-chart="spending"] rect').count() == 2
    table = page.locator("#spending table").inner_text()
    for cell in ("task", "judge", "1.7500 USD", "5.7500 USD", "for the final test"):
        assert cell in table
    page.locator("#progress select").select_option("usd")
    assert "USD" in str(page.locator('[data-chart="hypervolume"] svg').get_attribute("aria-label"))
    page.get_by_text("Before and after in numbers").click()
    assert "not retrieved" in page.locator("#losses").inner_text()


def test_a_run_that_has_only_begun(watch: Callable[..., Watched], recorder: Any, tmp_path: Path) -> None:
    path = tmp_path / "begun.html"
    with recorder().directory as directory:
        write_report(build_report(RunRecord(directory.path)), path)
    page = open_file(watch(), path)
    assert "No candidate has a score yet" in page.locator("#detail").inner_text()


def test_the_dashboard_follows_a_live_run(
    watch: Callable[..., Watched], recorder: Any, programs: dict[str, MemoryProgram]
) -> None:
    pytest.importorskip("optuna_dashboard")
    record = recorder()
    with record.directory as directory:
        record.join(0, programs["lexical"], [0.0] * 10 + [1.0] * 2)
        record.join(1, programs["hybrid"], [1.0] * 3 + [0.0] * 9)
        with open_dashboard(RunRecord(directory.path), 0, pytest.fail) as dashboard:
            thread = threading.Thread(target=dashboard.serve)
            thread.start()
            try:
                watched = watch()
                page = watched.page
                page.goto(dashboard.url)
                page.wait_for_selector("#detail-title")
                assert "running" in page.locator("#subtitle").inner_text()
                assert page.locator(".programs a").count() == 2
                page.locator('.programs a[data-number="1"]').focus()
                record.propose(2, programs["child"], (0,))
                record.join(2, programs["child"], [1.0] * 12, (0,))
                page.wait_for_selector('.programs a[data-number="2"]', timeout=60_000)
                assert focused(page) == "1", "who reads is not thrown out"
                page.goto(f"{dashboard.url}dashboard/studies/0")
                page.wait_for_selector("text=Pareto Front", timeout=60_000)
                page.wait_for_selector(".plotly .scatterlayer .point", timeout=60_000)
                assert page.locator("text=demo").count() > 0
                assert {url.split("/")[2] for url in watched.requests if url.startswith("http")} == {
                    dashboard.url.split("/")[2]
                }
                watched.errors.clear()  # what optuna-dashboard says on the console is its own affair
            finally:
                dashboard.shutdown()
                thread.join()


def test_optuna_dashboard_draws_the_front_of_a_campaign_that_is_at_work(
    watch: Callable[..., Watched], tmp_path: Path
) -> None:
    """Two processes, as a user has them: one searches, the other shows it."""
    pytest.importorskip("optuna_dashboard")
    evolve = [sys.executable, "-m", "evolve"]
    more = ["--budget", "500", "--static", "40", "--jobs", "1", "--sandbox", "process", "--plain"]
    search = subprocess.Popen(
        [*evolve, "run", "--name", "live", *more, "--root", str(tmp_path)], stdout=subprocess.DEVNULL
    )
    shown: subprocess.Popen[str] | None = None
    try:
        await_candidates(tmp_path, SEEDS + 2)
        command = [*evolve, "dashboard", "live", "--port", "0", "--root", str(tmp_path)]
        shown = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        assert shown.stdout is not None
        url = shown.stdout.readline().split()[-1]
        watched = watch()
        page = watched.page
        page.goto(f"{url}dashboard/studies/0")
        page.wait_for_selector("text=Pareto Front", timeout=60_000)
        page.wait_for_selector(".plotly .scatterlayer .point", timeout=60_000)
        page.goto(url)
        page.wait_for_selector("#detail-title")
        assert "running" in page.locator("#subtitle").inner_text()
        before = page.locator(".programs a").count()
        page.wait_for_function(
            "(before) => document.querySelectorAll('.programs a').length > before",
            arg=before,
            timeout=120_000,
        )
        assert search.poll() is None, "it is at work still"
        watched.errors.clear()  # what optuna-dashboard says on the console is its own affair
    finally:
        for process in (search, shown):
            if process is not None:
                process.terminate()
                process.communicate(timeout=60)


def await_candidates(root: Path, least: int) -> None:
    """Wait until the run ``live`` has so many."""
    for _ in range(1200):
        there = (root / "live" / "journal.jsonl").is_file()
        if there and len(RunHistory.read(RunRecord.open(root, "live")).candidates) >= least:
            return
        time.sleep(0.25)
    raise AssertionError("the campaign does not get on")
