"""A Prometheus that is away, slow or no Prometheus at all, and labels that are no friends."""

from __future__ import annotations

import json

import pytest
from real.waiting import until

from windsock.dashboards.preview import source
from windsock.dashboards.preview.server import Preview
from windsock.dashboards.preview.source import Source

from . import sampler
from .conftest import Door, settings

HOSTILE = (
    "<img src=x onerror=\"document.title='taken'\"><a href='javascript:alert(1)'>%{x}</a> "
    "$cluster ${__url_time_range} \"'\\"
)
# A link with a label in it: the board that it leads to, and the DAG that it chooses there.
LINKS = """
return [...document.querySelectorAll('.bargauge a')]
  .map((one) => [one.pathname, new URLSearchParams(one.search).get('var-dag_id')])
"""
HOVER = "Plotly.Fx.hover(document.querySelector('.js-plotly-plot'), [{curveNumber: 0, pointNumber: 5}])"


@pytest.fixture(scope="module")
def shut(prometheus):
    """A door that stays for all tests which shut it."""
    opened = Door(prometheus)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def small(shut, texts):
    """A preview of a few panels beside the other boards, that asks through the door."""
    boards = {**texts, **sampler.part("words", "lines", "joined", "alerts")}
    with Preview(boards, Source(settings(shut.url))) as preview:
        yield preview


@pytest.fixture
def opened(page, shut, small):
    """Its page, where all is well."""
    shut.answer, small.source.url = None, shut.url
    if not page.browser.run("return location.href").startswith(f"{small.url}/d/small"):
        page.open(small, "small")
    return page


ALL = "[...document.querySelectorAll('.panel')].every((one) => one.dataset.state === {!r})"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b"starting"), "Prometheus answers 503 starting"),
        ((200, b"<html>a log-in page</html>"), "what answers is no Prometheus: <html>a log-in page</html>"),
        ((200, b'{"status":"success","data":{"resultType":'), "speaks no JSON"),
        ((200, b'{"status":"success"}'), "no Prometheus"),
        ((400, b'{"status":"error","error":"too <b>many</b> points"}'), "Prometheus: too <b>many</b> points"),
        (None, "Prometheus does not answer within 0.5 s"),
        ("gone", "Prometheus can't be reached"),
    ],
    ids=["503", "another page", "half an answer", "an empty answer", "an error of its own", "slow", "away"],
)  # fmt: skip
def test_each_panel_says_what_is_wrong_and_recovers(opened, shut, small, monkeypatch, answer, said):
    if answer is None:
        monkeypatch.setattr(source, "TIMEOUT", 0.5)
    if answer == "gone":
        small.source.url = "http://127.0.0.1:1"
    shut.answer = lambda _: answer
    opened.browser.click("#refresh")
    opened.until(ALL.format("error"))
    assert [said in panel["text"] for panel in opened.panels()] == [True] * 4, opened.panels()
    # So does what stands at the top of the alerts that it could mark.
    until(lambda: said in opened.browser.texts("#top")[0])
    monkeypatch.undo()
    shut.answer, small.source.url = None, shut.url
    opened.browser.click("#refresh")
    opened.until(ALL.format("drawn"))
    until(lambda: said not in opened.browser.texts("#top")[0])


def test_choices_without_values_say_why_and_get_them_later(page, shut, small):
    shut.answer = lambda _: (503, b"starting")
    page.open(small, "small")
    # Two of them, and the alerts.
    until(lambda: page.browser.texts("#top")[0].count("Prometheus answers 503 starting") == 3)
    shut.answer = None
    page.browser.click("#refresh")
    page.until(ALL.format("drawn"))
    page.browser.click("[data-variable=dag_id] summary")
    assert "billing" in until(lambda: page.browser.texts("[data-variable=dag_id] .menu"))[0]


def test_one_panel_that_fails_is_alone_in_it(opened, shut):
    def answer(path):
        return (503, b"busy") if "ALERTS_FOR_STATE" in path else shut.passed(path)

    shut.answer = answer
    opened.browser.click("#refresh")
    opened.wait()
    assert {one["title"]: one["state"] for one in opened.panels()} == {
        "words": "drawn", "lines": "drawn", "joined": "drawn", "alerts": "error",
    }  # fmt: skip


def hostile(path, at):
    """What a Prometheus says of which all labels are hostile; `at` is its last sample's moment."""
    if "/label/" in path:
        return 200, json.dumps({"status": "success", "data": [HOSTILE, "plain"]}, separators=(",", ":")).encode()
    metric = {"job": HOSTILE, "dag_id": HOSTILE, "alertname": HOSTILE, "state": HOSTILE, "__name__": "up"}
    sample = (
        {"values": [[at - 15 * back, "1"] for back in range(40, -1, -1)]}
        if "query_range" in path
        else {"value": [at, "1"]}
    )
    kind = "matrix" if "query_range" in path else "vector"
    data = {"resultType": kind, "result": [{"metric": metric, **sample}]}
    return 200, json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


def test_a_hostile_label_is_a_text_everywhere(page, shut, small, end):
    shut.answer, small.source.url = lambda path: hostile(path, end), shut.url
    page.open(small, "sampler")
    states = {one["title"]: one for one in page.panels()}
    for title in ("words", "bars", "lines", "joined", "states", "alerts"):
        assert HOSTILE in states[title]["text"], title
    run = page.browser.run
    # What plotly writes, which reads some HTML in texts.
    assert HOSTILE in run("return [...document.querySelectorAll('.barchart svg text')].map((one) => one.textContent)")
    # What a pointer shows, too.
    run("document.querySelector('.state').dispatchEvent(new PointerEvent('pointermove', {bubbles: true}))")
    assert HOSTILE in until(lambda: page.browser.texts("#tip"))[0]
    run(HOVER)
    page.browser.click("[data-variable=dag_id] summary")
    assert HOSTILE in until(lambda: page.browser.texts("[data-variable=dag_id] .menu"))[0]
    assert run("return document.querySelectorAll('#top img, main img').length") == 0
    assert "taken" not in run("return document.title")
    # A link of it stays one to a board, with the label in it as a value.
    (link,) = run(LINKS)
    assert link == ["/d/windsock-overview", HOSTILE]
    assert not run("return [...document.links].filter((one) => one.protocol === 'javascript:').length")
    assert not page.browser.errors()


def test_a_hostile_value_that_is_chosen_stays_inside_of_its_matcher(page, door, running):
    """Chosen from the address: what Prometheus gets is one string."""
    from urllib.parse import parse_qs, quote, urlsplit  # noqa: PLC0415

    with Preview(sampler.part("bars"), Source(settings(door.url))) as preview:
        page.open(preview, "small", f"var-dag_id={quote(HOSTILE)}&var-cluster=prod")
        (panel,) = page.panels()
        assert panel["state"] == "empty", panel
    queries = [parse_qs(urlsplit(path).query).get("query", [""])[0] for path, _ in door.asked]
    (asked,) = [query for query in queries if "finish_total" in query]
    assert asked.count('state="failed"') == 1
