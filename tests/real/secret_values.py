"""Random secrets: of letters and digits, and around characters that need quotes."""

from __future__ import annotations

import string

ALNUM = string.ascii_letters + string.digits
SAFE = ALNUM + "_-"


def some(r, alphabet=ALNUM, least=9, most=22):
    """A secret of letters and digits around characters of the alphabet: `core` finds it wherever it is cut."""
    return (
        r.choice(string.ascii_letters)
        + "".join(r.choice(alphabet) for _ in range(r.randint(least, most)))
        + r.choice("23456789")
    )


def word(r, *lengths):
    return "-".join("".join(r.choice(ALNUM) for _ in range(length)) for length in lengths)


def hexadecimal(r, length):
    return "".join(r.choice("0123456789abcdef") for _ in range(length))


def digits(r, length):
    return r.choice("123456789") + "".join(r.choice(string.digits) for _ in range(length - 1))
