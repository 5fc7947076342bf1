"""Log lines without secrets, tracebacks included: what a driver or a server said stands in them as it was said."""

from __future__ import annotations

import logging
import sys

from . import redact


class Formatter(logging.Formatter):
    """The line that logging makes, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and what stands below it."""
        return redact(super().format(record))


def configure() -> None:
    """The log of a process of our own: on standard error, from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
