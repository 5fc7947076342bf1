"""The page in a real browser, with the data of a real Prometheus."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from windsock.dashboards import build

UIDS = [text.partition('"uid": "windsock-')[2].partition('"')[0] for text in build.files().values()]


@pytest.mark.parametrize("uid", [f"windsock-{uid}" for uid in UIDS])
def test_every_panel_of_every_board_shows_something(page, running, uid):
    page.open(running, uid, "rows=open")
    panels = page.panels()
    assert panels
    assert "Preview, not Grafana" in page.browser.texts("#top")[0]
    wrong = {one["title"]: one for one in panels if one["state"] not in ("drawn", "empty", "elsewhere")}
    assert not wrong
    assert not [one["title"] for one in panels if not one["text"].strip() and not one["marks"]]
    assert not page.browser.errors()


@pytest.fixture
def sampler(page, running):
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
    found = sampled[title]
    assert found["state"] == state
    assert not [text for text in shown if text not in found["text"]], found["text"]


@pytest.fixture(scope="module")
def sampled(browser, end, running):
    from .conftest import Page  # noqa: PLC0415

    page = Page(browser, end)
    page.open(running, "sampler")
    return {one["title"]: one for one in page.panels()}


def test_what_is_drawn_is_right(sampler):
    run = sampler.browser.run
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
    assert not sampler.browser.run("return document.querySelector('#never')")
    wrong = [error for error in sampler.browser.errors() if "422" not in error]
    assert not wrong


def test_a_closed_row_opens(sampler):
    assert "in a closed row" not in sampler.browser.texts("main")[0]
    sampler.browser.click("h2 .row")
    sampler.until("[...document.querySelectorAll('.panel')].at(-1).innerText.includes('7')")


def test_a_variable_narrows_every_panel_and_stays_in_the_address(sampler):
    browser = sampler.browser
    browser.click("[data-variable=dag_id] summary")
    browser.write("[data-variable=dag_id] input[type=search]", "bill")
    browser.click("[data-variable=dag_id] .menu button")
    browser.click("h1")
    sampler.until("location.search.includes('var-dag_id=billing')")
    sampler.wait()
    assert sampler.panel("bars")["text"].split()[0] == "billing"
    assert (
        "orders" not in sampler.panel("bars")["text"] + sampler.panel("joined")["text"] + sampler.panel("lines")["text"]
    )
    browser.run("history.back()")
    sampler.until("document.querySelector('main').innerText.includes('orders')")


def test_the_time_range_changes_what_is_asked(sampler, end):
    browser = sampler.browser
    assert sampler.panel("window")["text"].strip() == "900"
    browser.click("#time")
    for name, at in (("from", end - 300), ("to", end)):
        browser.run(
            f"document.querySelector('input[name={name}]').value = new Date({at} * 1000).toISOString().slice(0, 19)"
        )
    browser.click(".time .apply")
    sampler.until(f"location.search.includes('from={(end - 300) * 1000}')")
    sampler.wait()
    assert sampler.panel("window")["text"].strip() == "300"
    # A relative one ends now, long after the last sample.
    browser.click("#time")
    browser.click("[data-range='15m']")
    sampler.until("location.search.includes('from=now-15m')")
    sampler.wait()
    assert sampler.panel("lines")["state"] == "empty"
    assert sampler.panel("lines")["text"] == "No data"


def test_dragging_over_a_plot_is_a_time_range(sampler, end):
    sampler.browser.drag(".js-plotly-plot .nsewdrag", -60, 60)
    sampler.until(f"!location.search.includes('from={(end - 900) * 1000}')")
    query = parse_qs(sampler.browser.run("return location.search").lstrip("?"))
    assert (end - 900) * 1000 < int(query["from"][0]) < int(query["to"][0]) < end * 1000


@pytest.mark.parametrize(
    "selector",
    ["nav .menu a[href*='windsock-overview']", ".bargauge a.name", "td a"],
    ids=["between boards", "of a series", "of a cell"],
)
def test_a_link_keeps_time_and_choices(sampler, end, selector):
    address = sampler.browser.run(f"return document.querySelector({selector!r}).href")
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    assert parts.path == "/d/windsock-overview"
    assert (query["from"], query["to"]) == ([str((end - 900) * 1000)], [str(end * 1000)])
    assert query["var-dag_id"] == (
        ["$__all"] if "nav" in selector else ["billing"] if "bargauge" in selector else ["orders"]
    )
    sampler.browser.open(address)
    sampler.wait()
    assert query["from"][0] in sampler.browser.run("return location.search")
