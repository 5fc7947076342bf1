"""A Prometheus that is away, slow or no Prometheus at all, and labels that are no friends."""

from __future__ import annotations

import json

import pytest

from windsock.dashboards.preview import source
from windsock.dashboards.preview.server import Preview
from windsock.dashboards.preview.source import Source

from . import sampler
from .conftest import Door, settings

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><a href='javascript:alert(1)'>%{x}</a> $cluster ${__url_time_range} \"'\\"


def board(*titles):
    panels = [one for one in sampler.PANELS if one["title"] in titles]
    return {"small.json": json.dumps({**sampler.BOARD, "uid": "small", "panels": panels})}


@pytest.fixture
def small(door):
    """A preview of a few panels, that asks through the door."""
    with Preview(board("words", "lines", "joined", "alerts"), Source(settings(door.url))) as preview:
        yield preview


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b"starting"), "Prometheus answers 503 starting"),
        ((200, b"<html>a log-in page</html>"), "what answers is no Prometheus: <html>a log-in page</html>"),
        ((200, b'{"status":"success","data":{"resultType":'), "speaks no JSON"),
        ((200, b'{"status":"success"}'), "no Prometheus"),
        ((400, b'{"status":"error","errorType":"bad_data","error":"too <b>many</b> points"}'), "Prometheus: too <b>many</b> points"),
        (None, "Prometheus does not answer within 0.5 s"),
        ("gone", "Prometheus can't be reached"),
    ],
    ids=["503", "another page", "half an answer", "an empty answer", "an error of its own", "slow", "away"],
)  # fmt: skip
def test_each_panel_says_what_is_wrong_and_recovers(page, door, small, monkeypatch, answer, said):
    monkeypatch.setattr(source, "TIMEOUT", 0.5 if answer is None else 30.0)
    if answer == "gone":
        small.source.url = "http://127.0.0.1:1"
    else:
        door.answer = lambda _: answer
    page.open(small, "small")
    panels = page.panels()
    assert len(panels) == 4
    for panel in panels:
        assert (panel["state"], said in panel["text"]) == ("error", True), panel
    # So does what is at the top: there are no values to choose, and no alerts to mark.
    assert page.browser.texts("#top")[0].count(said) == 3
    door.answer, small.source.url = None, door.url
    monkeypatch.setattr(source, "TIMEOUT", 30.0)
    page.browser.click("#refresh")
    page.until("[...document.querySelectorAll('.panel')].every((one) => one.dataset.state === 'drawn')")
    assert said not in page.browser.texts("#top")[0]


def test_one_panel_that_fails_is_alone_in_it(page, door, small):
    def answer(path):
        return (503, b"busy") if "ALERTS_FOR_STATE" in path else (200, Door_passes(door, path))

    door.answer = answer
    page.open(small, "small")
    assert {one["title"]: one["state"] for one in page.panels()} == {
        "words": "drawn", "lines": "drawn", "joined": "drawn", "alerts": "error",
    }  # fmt: skip


def Door_passes(door, path):
    import requests  # noqa: PLC0415

    return requests.get(door.to + path, timeout=60).content


def hostile(path):
    """What a Prometheus says of which all labels are hostile."""
    if "/label/" in path:
        return 200, json.dumps({"status": "success", "data": [HOSTILE, "plain"]}, separators=(",", ":")).encode()
    metric = {"job": HOSTILE, "dag_id": HOSTILE, "alertname": HOSTILE, "state": HOSTILE, "__name__": "up"}
    at = sampler_end
    sample = (
        {"values": [[at - 15 * back, "1"] for back in range(40, -1, -1)]}
        if "query_range" in path
        else {"value": [at, "1"]}
    )
    kind = "matrix" if "query_range" in path else "vector"
    data = {"resultType": kind, "result": [{"metric": metric, **sample}]}
    return 200, json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


sampler_end = 0


def test_a_hostile_label_is_a_text_everywhere(page, door, running, texts, end):
    global sampler_end  # noqa: PLW0603  the moment up to which there are samples
    sampler_end = end
    door.answer = hostile
    with Preview(texts, Source(settings(door.url))) as preview:
        page.open(preview, "sampler")
        states = {one["title"]: one for one in page.panels()}
        for title in ("words", "bars", "lines", "joined", "states", "alerts"):
            assert HOSTILE in states[title]["text"], title
        run = page.browser.run
        # What a pointer shows, too.
        run("document.querySelector('.state').dispatchEvent(new PointerEvent('pointermove', {bubbles: true}))")
        assert HOSTILE in page.browser.texts("#tip")[0]
        run(
            "const plot = document.querySelector('.js-plotly-plot'); Plotly.Fx.hover(plot, [{curveNumber: 0, pointNumber: 5}])"
        )
        page.browser.click("[data-variable=dag_id] summary")
        assert HOSTILE in page.browser.texts("[data-variable=dag_id] .menu")[0]
        assert run("return document.querySelectorAll('#top img, main img').length") == 0
        assert "taken" not in run("return document.title")
        # A link of it stays one to a board, with the label in it as a value.
        (link,) = run(
            "return [...document.querySelectorAll('.bargauge a')].map((one) => [one.pathname, new URLSearchParams(one.search).get('var-dag_id')])"
        )
        assert link == ["/d/windsock-overview", HOSTILE]
        assert not run("return [...document.links].filter((one) => one.protocol === 'javascript:').length")
        assert not page.browser.errors()


def test_a_hostile_value_that_is_chosen_stays_inside_of_its_matcher(page, door, running):
    """Chosen from the address: what Prometheus gets is one string."""
    from urllib.parse import parse_qs, quote, urlsplit  # noqa: PLC0415

    with Preview(board("bars"), Source(settings(door.url))) as preview:
        page.open(preview, "small", f"var-dag_id={quote(HOSTILE)}&var-cluster=prod")
        (panel,) = page.panels()
        assert panel["state"] == "empty", panel
    queries = [parse_qs(urlsplit(path).query).get("query", [""])[0] for path, _ in door.asked]
    (asked,) = [query for query in queries if "finish_total" in query]
    assert asked.count('state="failed"') == 1
