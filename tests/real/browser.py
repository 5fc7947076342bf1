"""A real browser: Chromium, headless, driven over the WebDriver protocol."""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from .server import Server, find

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# As root, and on a machine without the network that Chromium's own services want.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1400,900",
)


class Browser:
    """One window. Elements are found by CSS selectors, waiting until they are there."""

    def __init__(self) -> None:
        chromium = find("chromium", "chromium", "usr/bin/google-chrome")
        self._driver = Server("")
        self._driver.start(find("chromedriver", "chromium-driver"), f"--port={self._driver.port}")
        self._profile = tempfile.mkdtemp(prefix="windsock-chromium-")
        options = {"binary": chromium, "args": [*_FLAGS, f"--user-data-dir={self._profile}"]}
        logged = {"browser": "SEVERE"}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": logged}}}
        self._url = f"http://127.0.0.1:{self._driver.port}/session"
        self._url += f"/{self._call('POST', '', wanted)['sessionId']}"

    def open(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    def texts(self, selector: str) -> list[str]:
        """What the matching elements show, now."""
        found = self._call("POST", "/elements", {"using": "css selector", "value": selector})
        return [self._call("GET", f"/element/{one[_ELEMENT]}/text") for one in found]

    def run(self, script: str) -> Any:
        """What a script in the page returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": []})

    def errors(self) -> list[str]:
        """What the console has said of errors since this was asked last."""
        return [str(line["message"]) for line in self._call("POST", "/se/log", {"type": "browser"})]

    def attribute(self, selector: str, name: str) -> str:
        return str(self._call("GET", f"/element/{self._find(selector)}/attribute/{name}"))

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self._find(selector)}/click", {})

    def drag(self, selector: str, begin: int, end: int) -> None:
        """Press the button, move, and let it go: from `begin` to `end` pixels right of the element's middle."""
        origin = {_ELEMENT: self._find(selector)}
        moves = [
            {"type": "pointerMove", "duration": 50, "origin": origin, "x": x, "y": 0} for x in (begin, begin + 1, end)
        ]
        steps = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self._call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def write(self, selector: str, text: str) -> None:
        self._call("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def log_in(self, page: str, user: str, button: str, shown: str) -> None:
        """Through a log-in form of Airflow's, with the password that tests give everyone, until `shown` is there."""
        self.open(page)
        self.write("input[name=username]", user)
        self.write("input[name=password]", "admin")
        self.click(button)
        self.wait_for(shown)

    def windows(self) -> list[str]:
        """The addresses of the other windows, which are closed."""
        first = self._call("GET", "/window")
        found = []
        for one in self._call("GET", "/window/handles"):
            if one != first:
                self._call("POST", "/window", {"handle": one})
                found.append(str(self._call("GET", "/url")))
                self._call("DELETE", "/window")
        self._call("POST", "/window", {"handle": first})
        return found

    def frame(self, selector: str) -> None:
        """Go on inside a frame."""
        self._call("POST", "/frame", {"id": {_ELEMENT: self._find(selector)}})

    def wait_for(self, text: str, selector: str = "body", seconds: float = 120) -> str:
        """Wait until an element shows a text; returns all that the elements show."""
        end = time.monotonic() + seconds
        while True:
            shown = ""
            with contextlib.suppress(requests.HTTPError):  # the page is being replaced
                shown = "\n".join(self.texts(selector))
            if text in shown:
                return shown
            assert time.monotonic() < end, f"{text!r} is not shown: {shown[:2000]}"
            time.sleep(0.2)

    def picture(self, file: Path) -> None:
        """Save what is seen as a PNG."""
        file.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def close(self) -> None:
        if not Path(self._profile).exists():
            return  # it is closed
        self._call("DELETE", "")
        self._driver.remove()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _find(self, selector: str, seconds: float = 120) -> str:
        end = time.monotonic() + seconds
        while not (found := self._call("POST", "/elements", {"using": "css selector", "value": selector})):
            assert time.monotonic() < end, f"there is no {selector}"
            time.sleep(0.2)
        return str(found[0][_ELEMENT])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._url + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()["value"]
