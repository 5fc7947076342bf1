"""Pictures of the preview's boards."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from windsock.exceptions import WindsockError

from .chromium import Chromium

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PATIENCE = 120.0
"""Seconds until every panel of a board is drawn, or says why it is not."""
HIGHEST = 16_000
"""Pixels of a picture of a whole board: Chromium draws no higher ones."""


@dataclass(frozen=True)
class Shot:
    """What is taken: `size` is width and height of the window, `query` what the board's address says."""

    size: tuple[int, int]
    query: Sequence[tuple[str, str]] = ()
    full_page: bool = False


def take(url: str, uids: Sequence[str], out: Path, shot: Shot) -> Iterator[Path]:
    """Write UID.png into `out` for each board, and say so. Raises WindsockError, MissingProgramError."""
    with Chromium() as browser:
        try:
            out.mkdir(parents=True, exist_ok=True)
            for uid in uids:
                file = out / f"{uid}.png"
                file.write_bytes(_picture(browser, url, uid, shot))
                yield file
        except OSError as error:
            raise WindsockError(f"{error.filename}: can't be written: {error.strerror}") from None


def _picture(browser: Chromium, url: str, uid: str, shot: Shot) -> bytes:
    width, height = shot.size
    query = [*shot.query, ("refresh", ""), *([("rows", "open")] if shot.full_page else [])]
    _resize(browser, width, height)
    browser.call("Page.navigate", url=f"{url}/d/{uid}?{urlencode(query)}")
    _wait(browser, uid)
    if shot.full_page:
        whole = int(browser.evaluate("document.documentElement.scrollHeight"))
        _resize(browser, width, min(max(whole, height), HIGHEST))
        _wait(browser, uid)
    return base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])


def _resize(browser: Chromium, width: int, height: int) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)


def _wait(browser: Chromium, uid: str) -> None:
    """Until the page of this board is drawn; the one before it may still stand there."""
    state = f"location.pathname === '/d/{uid}' && document.body ? document.body.dataset.state : ''"
    end = time.monotonic() + PATIENCE
    while (found := browser.evaluate(state)) not in ("drawn", "failed"):
        if time.monotonic() > end:
            raise WindsockError(f"{uid}: not drawn within {PATIENCE:g} s")
        time.sleep(0.05)
    if found == "failed":
        raise WindsockError(f"{uid}: {browser.evaluate('document.body.innerText')}")
