"""The pictures of the docs, of what a `windsock up` shows after some minutes: boards, and messages in the inbox.

    python scripts/pictures.py [--minutes N] [--out docs/images]

It starts one, waits for the demo's killed task to be told, takes the messages, and so many minutes later the boards.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from windsock.dashboards.preview.chromium import Chromium
from windsock.dashboards.preview.screenshot import Shot, take

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SIZE = 1280, 800
BOARDS = {"windsock-overview": "overview", "windsock-dag": "dag"}
"""By uid: the picture's name."""
LAST = "reports_render"
"""The DAG that the demo tells of last: its task is killed, and only the database knows."""
PATIENCE = 600.0
"""Seconds that this takes at most, Airflow's start included."""
SETTLED = 3.0
"""Seconds until a page that draws itself is drawn."""


@contextlib.contextmanager
def stack() -> Iterator[dict[str, str]]:
    """A running stack that has told of everything; yields its addresses by name."""
    process = subprocess.Popen(
        [sys.executable, "-m", "windsock", "up"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    urls: dict[str, str] = {}
    told = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            if found := re.match(r"  (\w+) +(http\S+)", line):
                urls.setdefault(found[1], found[2])
            if "page " in line and LAST in line:
                told.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        if not told.wait(PATIENCE):
            sys.exit(f"no page of {LAST} within {PATIENCE:g} s")
        yield urls
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(180)


def page(browser: Chromium, url: str, file: Path) -> None:
    width, height = SIZE
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    browser.call("Page.navigate", url=url)
    time.sleep(SETTLED)
    file.write_bytes(base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with stack() as urls:
        # At once: later there are ends among them.
        with Chromium() as browser:
            page(browser, urls["Inbox"], options.out / "inbox.png")
        time.sleep(options.minutes * 60)
        for file in take(urls["Preview"], list(BOARDS), options.out, Shot(SIZE, [("from", "now-15m")])):
            file.rename(file.with_name(f"{BOARDS[file.stem]}.png"))


if __name__ == "__main__":
    main()
