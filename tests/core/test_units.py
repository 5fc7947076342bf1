"""Durations, sizes and shares as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windsock.settings.units import format_duration, parse_duration, parse_ratio, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("5m", 300),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("1d", 86400),
        ("2w", 1209600),
        ("1.5h", 5400),
        ("0s", 0),
        (10, 10),
        (0.5, 0.5),
        ("1h 30m", 5400),
        ("1d2h3m4s5ms", 93784.005),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "ten seconds", "10 parsecs", "-5s", "5s!", "5sm", True, None, [], "1,5h", "٣s!"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="expected a duration such as 10s"):
        parse_duration(text)


@given(st.integers(0, 10**11))
def test_a_formatted_duration_reads_back(milliseconds):
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "1m30s"), (0, "0s"), (3600, "1h"), (0.25, "250ms"), (86461, "1d1m1s")]
)
def test_formatting(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("512B", 512),
        ("1KiB", 1024),
        ("100MiB", 104857600),
        ("1GiB", 1 << 30),
        ("1KB", 1000),
        ("1.5 MiB", 1572864),
        (4096, 4096),
        ("2MB", 2_000_000),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "many", "5TiB", "-1", "1e9", "5 k", True, None, 1.5])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="expected a size such as 512KiB"):
        parse_size(text)


@pytest.mark.parametrize(("text", "share"), [("99.5%", 0.995), ("100 %", 1), (0.5, 0.5), ("0.25", 0.25), (1, 1)])
def test_shares(text, share):
    assert parse_ratio(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "half", None, True, []])
def test_what_is_no_share(text):
    with pytest.raises(ValueError, match=r"expected a share such as 99\.5%"):
        parse_ratio(text)
