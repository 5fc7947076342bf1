"""What a server may do wrong once it has read a request, by name, with the word that a callback has for it."""

from __future__ import annotations

import time


def _answer(status):
    def behave(connection):
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops".encode())

    return behave


def _drip(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.1)


def _hang(connection):
    time.sleep(10)


def _close_in_the_middle(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def _close_at_once(connection):
    del connection


def _not_http(connection):
    connection.sendall(b"220 mail.example.org ESMTP\r\n")


def _redirect(connection):
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


BEHAVIOURS = {
    "redirecting to a log-in page": (_redirect, "rejected"),
    "hanging": (_hang, "timeout"),
    "dripping": (_drip, "timeout"),
    "closing at once": (_close_at_once, "unreachable"),
    "closing in the middle": (_close_in_the_middle, "unreachable"),
    "not HTTP": (_not_http, "unreachable"),
    "answering 500": (_answer("500 Internal Server Error"), "server_error"),
    "answering 400": (_answer("400 Bad Request"), "rejected"),
    "answering 401": (_answer("401 Unauthorized"), "rejected"),
}
