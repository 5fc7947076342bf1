"""The page in a real browser, with the data of a real Prometheus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from real.boards import UIDS

from .conftest import Page


@pytest.mark.parametrize("uid", UIDS)
def test_every_panel_of_every_board_shows_something(page, running, uid):
    page.open(running, uid, "rows=open")
    panels = page.panels()
    assert panels
    assert "Preview, not Grafana" in page.browser.texts("#top")[0]
    wrong = {one["title"]: one for one in panels if one["state"] not in ("drawn", "empty", "elsewhere")}
    assert not wrong
    assert not [one["title"] for one in panels if not one["text"].strip() and not one["marks"]]
    assert not page.browser.errors()


@dataclass(frozen=True)
class Sampled:
    """What the board with a panel of each kind shows, and what the console said of it."""

    panels: dict[str, dict[str, Any]]
    errors: list[str]


@pytest.fixture(scope="module")
def sampled(browser, end, running):
    browser.errors()
    page = Page(browser, end)
    page.open(running, "sampler")
    return Sampled({one["title"]: one for one in page.panels()}, browser.errors())


@pytest.fixture
def whole(page, running, sampled):
    """Its page, which takes a second to draw: what stands there is taken."""
    if not page.browser.run("return location.href").startswith(f"{running.url}/d/sampler"):
        page.open(running, "sampler")
    return page


@pytest.mark.parametrize(
    ("title", "state", "shown"),
    [
        ("words", "drawn", ["windsock", "running"]),
        ("empty", "empty", ["Airflow 3.2 and later"]),
        ("seconds", "drawn", ["1.5 hours"]),
        ("bytes", "drawn", ["3 MiB"]),
        ("share", "drawn", ["12.3%"]),
        ("dial", "drawn", ["40%"]),
        ("bars", "drawn", ["billing", "orders"]),
        ("lines", "drawn", ["orders", "Max"]),
        ("stack", "drawn", ["success", "up_for_retry"]),
        ("joined", "drawn", ["DAG", "Bad", "Good", "orders"]),
        ("states", "drawn", ["windsock", "running"]),
        ("history", "drawn", ["windsock"]),
        ("buckets", "drawn", ["≤", "more"]),
        ("pie", "drawn", ["orders"]),
        ("matrix", "drawn", ["failed"]),
        ("alerts", "drawn", ["AirflowSchedulerSilent", "critical"]),
        ("words on it", "drawn", ["Bold of All <b id='never'>and a link"]),
        ("others", "drawn", ["Airflow overview"]),
        ("log lines", "elsewhere", ["no logs"]),
        ("elsewhere", "elsewhere", ["elasticsearch"]),
        ("unheard of", "elsewhere", ["geomap"]),
        ("unknown transformation", "drawn", ["windsock"]),
        ("wrong query", "error", ["parse error"]),
    ],
)
def test_each_kind_of_panel(sampled, title, state, shown):
    found = sampled.panels[title]
    assert found["state"] == state
    assert not [text for text in shown if text not in found["text"]], found["text"]


def test_what_is_drawn_is_right(whole, sampled):
    run = whole.browser.run
    # The failed one first, in the order, the names and the colours that the panel asks for.
    rows = "[...document.querySelectorAll('[data-type=table]')].find((one) => one.innerText.includes('joined'))"
    assert run(f"return [...{rows}.querySelectorAll('th')].map((one) => one.innerText.trim())") == [
        "DAG",
        "Bad ▾",
        "Good",
    ]
    assert run(f"return {rows}.querySelector('td').innerText") == "orders"
    assert run(f"return getComputedStyle({rows}.querySelectorAll('td')[1]).backgroundColor") == "rgb(242, 73, 92)"
    plots = "[...document.querySelectorAll('.js-plotly-plot')]"
    lines = f"{plots}.find((one) => one.data.some(({{name}}) => name === 'orders') && one.data[0].type === 'scatter')"
    # A line is as Prometheus has it, a threshold and the annotation's span are drawn.
    assert run(f"return {lines}.data.find(({{name}}) => name === 'billing').line.color") == "#B877D9"
    shapes = run(f"return {lines}.layout.shapes")
    assert [one["y0"] for one in shapes if one["yref"] == "y"] == [5]
    assert any(one["type"] == "rect" for one in shapes if one["yref"] == "paper")
    heat = f"{plots}.find((one) => one.data[0].type === 'heatmap').data[0].z"
    # All observations are in one bucket: a bucket holds no others.
    assert run(f"return {heat}.filter((row) => row.some((value) => value)).length") == 1
    assert not whole.browser.run("return document.querySelector('#never')")
    assert not [error for error in (*sampled.errors, *whole.browser.errors()) if "422" not in error]


def test_a_closed_row_opens(whole):
    assert "in a closed row" not in whole.browser.texts("main")[0]
    whole.browser.click("h2 .row")
    whole.until("[...document.querySelectorAll('.panel')].at(-1).innerText.includes('7')")


@pytest.fixture
def opened(page, running):
    """A board of a few panels, beside the others."""
    page.open(running, "small")
    return page


def test_a_variable_narrows_every_panel_and_stays_in_the_address(opened):
    browser = opened.browser
    browser.click("[data-variable=dag_id] summary")
    browser.write("[data-variable=dag_id] input[type=search]", "bill")
    browser.click("[data-variable=dag_id] .menu button")
    browser.click("h1")
    opened.until("location.search.includes('var-dag_id=billing')")
    opened.wait()
    assert opened.panel("bars")["text"].split()[0] == "billing"
    assert "orders" not in opened.panel("bars")["text"] + opened.panel("joined")["text"] + opened.panel("lines")["text"]
    browser.run("history.back()")
    opened.until("document.querySelector('main').innerText.includes('orders')")


def test_the_time_range_changes_what_is_asked(opened, end):
    browser = opened.browser
    assert opened.panel("window")["text"].strip() == "900"
    browser.click("#time")
    for name, at in (("from", end - 300), ("to", end)):
        browser.run(
            f"document.querySelector('input[name={name}]').value = new Date({at} * 1000).toISOString().slice(0, 19)"
        )
    browser.click(".time .apply")
    opened.until(f"location.search.includes('from={(end - 300) * 1000}')")
    opened.wait()
    assert opened.panel("window")["text"].strip() == "300"
    # A relative one ends now, long after the last sample.
    browser.click("#time")
    browser.click("[data-range='15m']")
    opened.until("location.search.includes('from=now-15m')")
    opened.wait()
    assert opened.panel("lines")["state"] == "empty"
    assert opened.panel("lines")["text"] == "No data"


def test_dragging_over_a_plot_is_a_time_range(opened, end):
    opened.browser.drag(".js-plotly-plot .nsewdrag", -60, 60)
    opened.until(f"!location.search.includes('from={(end - 900) * 1000}')")
    query = parse_qs(opened.browser.run("return location.search").lstrip("?"))
    assert (end - 900) * 1000 < int(query["from"][0]) < int(query["to"][0]) < end * 1000


LINKS = {
    "between boards": ("nav .menu a[href*='windsock-overview']", "$__all"),
    "of a series": (".bargauge a.name", "billing"),
    "of a cell": ("td a", "orders"),
}


def test_a_link_keeps_time_and_choices(opened, end):
    for selector, dag in LINKS.values():
        address = opened.browser.run(f"return document.querySelector({selector!r}).href")
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        assert parts.path == "/d/windsock-overview"
        assert (query["from"], query["to"]) == ([str((end - 900) * 1000)], [str(end * 1000)])
        assert (query["var-cluster"], query["var-dag_id"]) == (["$__all"], [dag])
    opened.browser.click("td a")
    opened.until("location.pathname === '/d/windsock-overview'")
    opened.wait()
    assert opened.browser.texts("[data-variable=dag_id] .value") == ["orders"]
    assert "2026-09-21" in opened.browser.texts("#time")[0]


@pytest.mark.parametrize("query", ["", "var-dag_id=$__all", "var-dag_id=All"])
def test_a_board_that_never_shows_all_opens_on_the_dag_that_failed_last(page, running, query):
    page.open(running, "windsock-task", query)
    assert page.browser.texts("[data-variable=dag_id] .value") == ["orders"]
    assert page.browser.texts("[data-variable=task_id] .value") == ["a-task_id"]
    page.browser.click("[data-variable=dag_id] summary")
    page.until("document.querySelector('[data-variable=dag_id] .menu li')")
    assert page.browser.texts("[data-variable=dag_id] .menu li") == ["orders", "billing"]


def test_a_wall_shows_the_panels_without_the_choices(page, running):
    page.open(running, "small", "kiosk")
    assert not page.browser.run("return document.querySelector('#top .choices').checkVisibility()")
    assert "Preview, not Grafana" in page.browser.texts("#top")[0]
    assert page.panel("bars")["state"] == "drawn"


def test_a_click_on_a_line_offers_its_links(opened):
    opened.browser.click(".timeseries .nsewdrag")
    opened.browser.wait_for("Only ", "#popup")
    assert opened.browser.attribute("#popup a", "href").endswith(("=orders", "=billing"))
