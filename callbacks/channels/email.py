"""E-mail over SMTP: text and HTML, one subject and one thread for all mails of a run.

TLS from the first byte on port 465, STARTTLS on any other; `channels.email.tls: false` for a server on a trusted
network.
"""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import formatdate
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import html, plain
from windsock.exceptions import SettingsError
from windsock.text import line

from . import Answer, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings

_SUBJECT = 150
_IMPLICIT_TLS = 465


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Hand the mail to the server; `to` are addresses with commas between."""
    del state
    addresses = [address.strip() for address in to.split(",") if address.strip()]
    mail = compose(message, settings.channels.email.sender, addresses)
    handed_over = False
    try:
        with _session(settings, seconds) as server:
            handed_over = True
            refused = server.send_message(mail, settings.channels.email.sender, addresses)
    except smtplib.SMTPResponseException as error:
        return _judge(error.smtp_code, error.smtp_error)
    except smtplib.SMTPRecipientsRefused as error:
        return _judge(*next(iter(error.recipients.values())))
    except smtplib.SMTPNotSupportedError as error:
        return Answer("rejected", f"{error} Set channels.email.tls to false only on a network that you trust.")
    except (smtplib.SMTPServerDisconnected, OSError) as error:
        problem = "timeout" if isinstance(error, TimeoutError) else "unreachable"
        return Answer(problem, f"{type(error).__name__}: {error}", uncertain=handed_over)
    detail = "250 taken"
    if refused:
        detail += f", but not for {', '.join(sorted(refused))}"
    return Answer(detail=detail)


def compose(message: Message, sender: str, addresses: list[str]) -> EmailMessage:
    """The mail; its id is the same for each attempt to send it, so that a server or a reader can drop a repeat."""
    event = message.event
    root = sha256(f"{event.cluster}\0{event.dag_id}\0{event.run_id}".encode(errors="replace")).hexdigest()[:32]
    mail = EmailMessage()
    # No count and no time in it: mail programs make a thread of one subject.
    mail["Subject"] = line(message.name + (": resolved" if message.resolved else ""), _SUBJECT)
    mail["From"] = sender
    mail["To"] = ", ".join(addresses)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id or root}@windsock>"
    mail["References"] = mail["In-Reply-To"] = f"<{root}.run@windsock>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{message.title}\n\n{plain.text(message)}\n")
    mail.add_alternative(html.page(message), subtype="html")
    return mail


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, in its parts, and what a person reads."""
    subject = str(compose(message, settings.channels.email.sender, ["team@example.org"])["Subject"])
    text = plain.text(message)
    return {"subject": subject, "text": text, "html": html.page(message)}, f"Subject: {subject}\n\n{text}"


def _session(settings: Settings, seconds: float) -> smtplib.SMTP:
    config = settings.channels.email
    if not config.smarthost:
        raise SettingsError(["channels.email.smarthost: no server sends mail; set it to HOST:PORT"])
    host, _, port = config.smarthost.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "localhost"
    password = secrets.value(config.password, "channels.email.password") if config.password else ""
    implicit = config.tls and int(port) == _IMPLICIT_TLS
    server = (
        smtplib.SMTP_SSL(host, int(port), timeout=seconds, context=web.tls(settings))
        if implicit
        else smtplib.SMTP(host, int(port), timeout=seconds)
    )
    try:
        if config.tls and not implicit:
            server.starttls(context=web.tls(settings))
        if config.username:
            server.login(config.username, password)
    except BaseException:
        server.close()
        raise
    return server


def _judge(code: int, text: bytes | str) -> Answer:
    """SMTP's own rule: 4xx is for now, 5xx for ever."""
    words = f"SMTP {code}: " + (text.decode(errors="replace") if isinstance(text, bytes) else text)
    return Answer("rejected" if code >= 500 else "server_error", words)
