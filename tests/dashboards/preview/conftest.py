"""A preview in this process, and a door before its Prometheus that can be shut in several ways."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
from real.browser import Browser
from real.workers import end_with_group

from windsock.dashboards.preview.server import Preview
from windsock.dashboards.preview.source import Source
from windsock.settings import Settings

from . import sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Door(ThreadingHTTPServer):
    """Passes on what a Prometheus answers, or does what `answer` says: a status with a body, or None to say nothing."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, to: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.to = to
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.answer: Callable[[str], tuple[int, bytes] | None] | None = None
        self.closed = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def passed(self, path: str) -> tuple[int, bytes]:
        answer = requests.get(self.to + path, timeout=60)
        return answer.status_code, answer.content

    def close(self) -> None:
        self.closed.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        given = (self.server.answer or self.server.passed)(self.path)
        if given is None:
            self.server.closed.wait(60)
            return
        self.send_response(given[0])
        self.send_header("Content-Length", str(len(given[1])))
        self.end_headers()
        self.wfile.write(given[1])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def door(prometheus) -> Iterator[Door]:
    opened = Door(prometheus)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def end(prometheus) -> int:
    """Unix seconds of the last sample."""
    query = "max_over_time(max(timestamp(up))[400d:5m])"
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=60).json()
    return int(float(answer["data"]["result"][0]["value"][1]))


def settings(url: str, **more: Any) -> Settings:
    return Settings.model_validate({"prometheus": {"urls": url, **more}})


@pytest.fixture(scope="session")
def texts(boards) -> dict[str, str]:
    """The boards, one with a panel of each kind, and one with a few of those."""
    made = {name: json.dumps(board) for name, board in boards.items()}
    return {**made, "sampler.json": json.dumps(sampler.BOARD), **sampler.part("bars", "joined", "lines", "window")}


@pytest.fixture(scope="session")
def running(prometheus, texts) -> Iterator[Preview]:
    with Preview(texts, Source(settings(prometheus))) as preview:
        yield preview


@pytest.fixture
def behind(door, texts) -> Iterator[Preview]:
    """A preview that asks through the door."""
    with Preview(texts, Source(settings(door.url))) as preview:
        yield preview


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = Browser()
    end_with_group(found.close)
    yield found
    found.close()


# Of those in open rows. The texts in drawings are not part of what elements show.
_PANELS = """
return [...document.querySelectorAll('.grid:not([hidden]) > .panel')].map((node) => ({
  title: node.querySelector('h3').innerText,
  type: node.dataset.type,
  state: node.dataset.state,
  text: [node.querySelector('.body').innerText, ...[...node.querySelectorAll('svg text')].map((one) => one.textContent)]
    .join(' '),
  marks: node.querySelectorAll('.body path, .body rect, .body td, .body .value, .body .state').length,
}))
"""


class Page:
    """A board in the browser, between two moments."""

    def __init__(self, browser: Browser, end: int) -> None:
        self.browser = browser
        self.times = f"from={(end - 900) * 1000}&to={end * 1000}"

    def open(self, preview: Preview, uid: str, query: str = "") -> None:
        self.browser.open(f"{preview.url}/d/{uid}?{self.times}&refresh=&{query}")
        self.wait()

    def wait(self) -> None:
        self.until("document.body && document.body.dataset.state === 'drawn'")

    def until(self, condition: str) -> None:
        limit = time.monotonic() + 120
        while not self.browser.run(f"return Boolean({condition})"):
            assert time.monotonic() < limit, f"{condition}: {self.browser.run('return document.body.innerText')[:2000]}"
            time.sleep(0.05)

    def panels(self) -> list[dict[str, Any]]:
        """What each panel is, how it stands, and what it shows."""
        return self.browser.run(_PANELS)

    def panel(self, title: str) -> dict[str, Any]:
        return next(one for one in self.panels() if one["title"] == title)


@pytest.fixture
def page(browser, end) -> Page:
    browser.errors()
    return Page(browser, end)
