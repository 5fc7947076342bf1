"""Who may speak HTTP with the exporter, and how: what the web configuration file asks for, kept up to date."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windsock.exceptions import SettingsError
from windsock.extras import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    from .users import Users
    from .webconfig import Tls

log = logging.getLogger(__name__)

_Signature = tuple[tuple[Path, int, int, int], ...]


@dataclass(frozen=True)
class Rules:
    """One reading of the file."""

    context: SSLContext | None = None
    """None: plain HTTP."""
    tls: Tls | None = None
    """What the context is made of; None where there is no file."""
    allowed_sans: tuple[str, ...] = ()
    users: Users | None = None
    """None: everyone."""
    headers: Mapping[str, str] | None = None
    limit: Limit | None = None
    files: tuple[Path, ...] = ()

    def __str__(self) -> str:
        """Say in a few words what is asked for."""
        parts = ["TLS" if self.context else "no TLS"]
        parts += ["client certificates"] if self.context and self.context.verify_mode else []
        parts += [f"{len(self.users)} users" if len(self.users) > 1 else "1 user"] if self.users else []
        parts += ["a rate limit"] if self.limit else []
        return ", ".join(parts)


def read(path: str | None) -> Rules:
    """Read the file and those that it names; without a path everyone may ask. Raises SettingsError."""
    if path is None:
        return Rules()
    from . import tls, webconfig  # noqa: PLC0415  they take 1 MiB, and most exporters have no such file

    config, source = webconfig.load(path)
    folder = Path(path).parent
    return Rules(
        context=tls.context(config.tls_server_config, folder, source),
        tls=config.tls_server_config,
        allowed_sans=config.tls_server_config.client_allowed_sans,
        users=_users(config.basic_auth_users, source.origin(("basic_auth_users",))),
        headers=config.http_server_config.headers,
        limit=Limit(config.rate_limit.interval, config.rate_limit.burst) if config.rate_limit.interval else None,
        files=(Path(path), *tls.files(config.tls_server_config, folder)),
    )


class Access:
    """The rules in force. A certificate that was renewed, or a file that was edited, counts from the next connection.

    Where the files can't be used any more, the rules stay as they were, and the log says why.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self.rules = read(path)
        self._signature = _sign(self.rules.files)
        self._refreshing = threading.Lock()

    def refresh(self) -> Rules:
        """Return the rules in force, read anew where a file has changed."""
        with self._refreshing:
            signature = _sign(self.rules.files)
            if signature != self._signature:
                self._signature = signature
                self._read()
        return self.rules

    def _read(self) -> None:
        try:
            rules = read(self._path)
        except SettingsError as error:
            log.error("the web configuration stays as it was: %s", error)  # noqa: TRY400  no traceback
            return
        except Exception:
            log.exception("%s: the web configuration stays as it was; that is a bug", self._path)
            return
        if rules.files != self.rules.files:
            self._signature = _sign(rules.files)
        self.rules = rules
        log.info("%s: read again: %s", self._path, rules)


class Limit:
    """A token bucket: a request each `interval` seconds, and `burst` of them at once."""

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._burst = burst
        self._tokens = float(burst)
        self._filled = time.monotonic()
        self._taking = threading.Lock()

    def take(self) -> bool:
        """Whether one more request is within the limit."""
        with self._taking:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) / self._interval)
            self._filled = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def _users(hashes: Mapping[str, str], where: str) -> Users | None:
    if not hashes:
        return None
    try:
        from .users import Users  # noqa: PLC0415  bcrypt is needed here only
    except ModuleNotFoundError:
        raise SettingsError([f"{where}: {MissingPackageError('bcrypt', 'basic_auth_users')}"]) from None
    return Users(hashes)


def _sign(files: tuple[Path, ...]) -> _Signature:
    found = []
    for file in files:
        try:
            status = file.stat()
            found.append((file, status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            found.append((file, 0, 0, 0))
    return tuple(found)
