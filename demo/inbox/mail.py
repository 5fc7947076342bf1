"""The mail server: takes every mail for everyone, keeps it, and sends nothing on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from .messages import Attempt, Message, Store
from .plaintext import plaintext

if TYPE_CHECKING:
    import socket
    from email.message import EmailMessage

    from .faults import Fault, Faults

MAX_BYTES = 25 << 20
"""What large mail providers take."""
MAX_LINE = 998
"""RFC 5322, 2.1.1, in octets."""


class MailServer:
    """An SMTP server on a bound socket, in a thread of its own."""

    def __init__(self, listening: socket.socket, store: Store, faults: Faults) -> None:
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415  `windsock inbox --help` does without

        self._protocol = SMTP
        self._socket = listening
        self._store = store
        self._faults = faults
        self._sessions: WeakSet[Any] = WeakSet()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="inbox-smtp", daemon=True)

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Hang up on everyone and end."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._session, sock=self._socket)
        self._ready.set()
        await self._ended.wait()
        server.close()
        for session in self._sessions:
            if session.transport:
                session.transport.abort()

    def _session(self) -> Any:
        session = self._protocol(
            self, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="inbox.localhost", loop=self._loop
        )
        self._sessions.add(session)
        return session

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name for it
        """Take one mail; returns the SMTP reply."""
        del session
        fault = self._faults.take("mail")
        stored = None if fault and fault.before else self._store.add(read(envelope))
        reply = _asked_for(fault) if fault and fault.kind == "status" else "250 OK"
        silent = fault is not None and fault.kind in ("hang", "close")
        self._store.note(
            Attempt(
                "mail",
                "smtp",
                None if silent else int(reply[:3]),
                error=None if silent or reply[0] == "2" else reply[4:],
                fault=fault.kind if fault else None,
                message=stored.seq if stored else None,
            )
        )
        if fault and fault.kind in ("hang", "slow"):
            await asyncio.sleep(fault.seconds)
        if silent:
            server.transport.abort()
        return reply


def _asked_for(fault: Fault) -> str:
    text = fault.body if isinstance(fault.body, str) else "the inbox was asked to refuse this"
    return f"{fault.status} {text}"


def read(envelope: Any) -> Message:
    """The message that an SMTP envelope holds; whatever is broken in it is a problem, not an error."""
    content: bytes = envelope.content
    mail: EmailMessage = message_from_bytes(content, policy=policy.default)
    html, text = _part(mail, "html"), _part(mail, "plain")
    references = [*_header(mail, "References").split(), *_header(mail, "In-Reply-To").split()]
    subject, id_ = _header(mail, "Subject"), _header(mail, "Message-ID")
    root = references[0] if references else None
    channel = ", ".join(envelope.rcpt_tos)
    payload = {
        "mail_from": envelope.mail_from,
        "rcpt_tos": list(envelope.rcpt_tos),
        "headers": {name: _header(mail, name) for name in mail},
        "subject": subject,
        "text": text,
        "html": html,
        "attachments": [part.get_filename() or part.get_content_type() for part in mail.iter_attachments()],
    }
    said = text if text is not None else plaintext(html or "")
    return Message(
        platform="mail",
        channel=channel,
        id=id_,
        thread=root,
        conversation=f"mail/{channel}/{root or id_ or uuid.uuid4().hex}",
        text=f"{subject}\n\n{said.strip()}".strip(),
        payload=payload,
        problems=tuple(_problems(mail, content)),
        size=len(content),
    )


def _header(mail: EmailMessage, name: str) -> str:
    # A header that can't be parsed raises whatever its parser stumbled over.
    with contextlib.suppress(Exception):
        return str(mail.get(name, "")).strip()
    return ""


def _part(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body((kind,))
    if part is None:
        return None
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return None
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    except LookupError:
        return content.decode("latin-1")


def _problems(mail: EmailMessage, content: bytes) -> list[str]:
    found = [f"the header {name} is missing (RFC 5322)" for name in ("From", "Date", "Message-ID") if name not in mail]
    longest = max(map(len, content.splitlines()), default=0)
    if longest > MAX_LINE:
        found.append(f"a line has {longest:,} octets (RFC 5322: at most {MAX_LINE})")
    return found
