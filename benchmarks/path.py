"""From a page to the log line that says why, by links only: how many clicks and seconds that takes.

    python benchmarks/path.py [--home DIRECTORY]

Starts `windsock up`, waits for the page of a DAG that fails, and goes on in a real browser from what it links to: the
DAG's board, the overview, the DAG again, its task, Airflow's page of the task, the log. Prints each step with the
seconds from its first click until the next one can be made. `--home` keeps the demo's Airflow, whose installation takes
minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real.browser import Browser

DAG, TASK, REASON = "orders_load", "load", "the warehouse refused the connection"
DRAWN = "document.body && document.body.dataset.state === 'drawn'"
LAST = 60
"""Seconds that the first failure is counted before the path is walked: two scrapes, and Prometheus' rules."""


class Walk:
    """A browser, and what it was made to do."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.clicks = 0
        self.steps: list[tuple[str, int, float]] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What leads from one page to the next."""
        begun, clicks = time.monotonic(), self.clicks
        yield
        self.steps.append((name, self.clicks - clicks, time.monotonic() - begun))

    def click(self, selector: str, text: str = "") -> None:
        """The first element that matches, and shows the text: it is marked, since CSS can't ask for what is shown."""
        script = f"""
            const found = [...document.querySelectorAll({json.dumps(selector)})]
              .find((one) => one.innerText.trim().startsWith({json.dumps(text)}));
            found?.setAttribute("data-walk", "{self.clicks}");
            return Boolean(found)
        """
        self.until(script, f"{selector} {text}")
        self.browser.click(f'[data-walk="{self.clicks}"]')
        self.clicks += 1

    def until(self, script: str, what: str) -> None:
        end = time.monotonic() + 120
        while not self.browser.run(script):
            if time.monotonic() > end:
                raise SystemExit(f"{what}: not there: {self.browser.run('return document.body.innerText')[:3000]}")
            time.sleep(0.02)

    def board(self, uid: str) -> None:
        self.until(f"return location.pathname.startsWith('/d/{uid}') && ({DRAWN})", uid)

    def follow(self) -> None:
        """Go on in the tab that a link has opened."""
        (address,) = self.browser.windows()
        self.browser.open(address)


@contextlib.contextmanager
def stack(home: Path) -> Iterator[dict[str, str]]:
    """`windsock up`; gives the address of each part by the name that its table has."""
    command = [str(Path(sys.executable).parent / "windsock"), "up", "--home", str(home)]
    with (home.parent / "up.log").open("w+b") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            end = time.monotonic() + 1200
            while not (said := dict(re.findall(r"^  (\w+) +(http://[\d.:]+)", _read(home), re.MULTILINE))):
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(_read(home))
                time.sleep(1)
            yield said
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _read(home: Path) -> str:
    return (home.parent / "up.log").read_text()


def page(inbox: str) -> dict[str, Any]:
    """The message about the failure."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        messages = requests.get(f"{inbox}/api/messages", params={"platform": "slack"}, timeout=10).json()["messages"]
        for message in messages:
            if DAG in json.dumps(message):
                found: dict[str, Any] = message
                return found
        time.sleep(1)
    raise SystemExit("no page")


def walk(walked: Walk, addresses: dict[str, str]) -> None:
    walked.browser.open(addresses["Inbox"])
    walked.until("return document.querySelector('a[href*=\"/d/windsock-dag\"]')", "a link to the dashboard")
    with walked.step("page → DAG"):
        walked.click(f'a[href*="/d/windsock-dag?var-dag_id={DAG}"]')
        if opened := walked.browser.windows():
            walked.browser.open(opened[0])
        walked.board("windsock-dag")
    with walked.step("DAG → overview"):
        walked.click("nav summary", "Airflow dashboards")
        walked.click("nav .menu a", "Airflow overview")
        walked.board("windsock-overview")
    with walked.step("overview → DAG"):
        walked.click("td a", DAG)
        walked.click("#popup a", "This DAG")
        walked.board("windsock-dag")
    with walked.step("DAG → task"):
        walked.click("td a", TASK)
        walked.click("#popup a", "This task")
        walked.board("windsock-task")
    with walked.step("task → Airflow's page of it"):
        walked.click("td a", TASK)
        walked.click("#popup a", "Open in Airflow")
        walked.follow()
        walked.until(f'return document.querySelector(\'a[href*="/tasks/{TASK}"][href*="/runs/"]\')', "its tries")
    with walked.step("Airflow → log line"):
        walked.click(f'a[href*="/tasks/{TASK}"][href*="/runs/"]')
        walked.until(f"return document.body.innerText.includes({json.dumps(REASON)})", "the log line")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="an empty folder, or that of an earlier run")
    options = parser.parse_args()
    browser = Browser()
    try:
        with tempfile.TemporaryDirectory(prefix="windsock-path-") as folder:
            home = (options.home or Path(folder) / ".windsock").resolve()
            with stack(home) as addresses:
                page(addresses["Inbox"])
                time.sleep(LAST)
                walked = Walk(browser)
                walk(walked, addresses)
    finally:
        browser.close()
    for name, clicks, seconds in walked.steps:
        print(f"{name:32}{clicks:3} clicks {seconds:6.1f} s")
    print(f"{'all':32}{walked.clicks:3} clicks {sum(seconds for _, _, seconds in walked.steps):6.1f} s")


if __name__ == "__main__":
    main()
