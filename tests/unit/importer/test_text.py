"""Lines made of text that an attacker may have chosen."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.text import as_seen, in_code, line, unlinked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        (" two\r\nlines\t\x00here ", "two lines here"),
        ("a\u2028b\u202ec\ud800d", "a b c d"),
        ("\n\x1b", ""),
        ("naïve 日本", "naïve 日本"),
    ],
)
def test_a_line_has_no_character_that_moves_the_cursor(text: str, expected: str) -> None:
    assert line(text, 100) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abcd", "abcd"), ("abcde", "abc…"), ("ab cde", "ab…"), ("ab😀😀", "ab…"), ("a😀bcd", "a😀…")],
)
def test_a_long_line_is_cut_between_characters(text: str, expected: str) -> None:
    assert line(text, 4) == expected


@given(st.text(), st.integers(1, 50))
def test_a_line_never_exceeds_its_limit_and_is_stable(text: str, limit: int) -> None:
    once = line(text, limit)

    assert len(once.encode("utf-16-le")) <= 2 * limit
    assert once == once.strip()
    assert line(once, limit) == once


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, None),
        ({"MFAUsed": ""}, None),
        ({"MFAUsed": "No"}, "No"),
        ({"MFAUsed": None}, "null"),
        ({"MFAUsed": False}, "false"),
        ({"MFAUsed": {"a": 1}}, "(object)"),
        ({"MFAUsed": [1]}, "(array)"),
    ],
)
def test_a_value_is_told_as_it_was_seen(document: dict[str, Any], expected: str | None) -> None:
    assert as_seen(document, "MFAUsed", 100) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://evil.example/x", "https[:]//evil[.]example/x"),
        ("www.evil.example WWW.evil.example", "www[.]evil[.]example WWW[.]evil[.]example"),
        ("http://a://b", "http[:]//a[:]//b"),
        ("evil\u3002example evil\uff0eexample", "evil[.]example evil[.]example"),
        ("ana@example.com", "ana[at]example[.]com"),
        ("The end. Next", "The end. Next"),
        ("Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (X11; Linux)"),
        ("198.51.100.7", "198.51.100.7"),
    ],
)
def test_a_mail_program_makes_no_link_of_it(text: str, expected: str) -> None:
    assert unlinked(text) == expected


@given(st.text() | st.text("aB1.:/@"))
def test_no_text_has_a_link_left(text: str) -> None:
    told = unlinked(text)

    assert "://" not in told
    assert "@" not in told
    assert not re.search(r"\w\.[^\W\d_]", told)


@given(st.text() | st.text("`<>|!@#[]()*_~\\&"))
def test_nothing_ends_the_code_or_opens_a_mention(text: str) -> None:
    code = in_code(text)

    assert code[0] == code[-1] == "`"
    assert not set("`<>|") & set(code[1:-1])
    assert len(code) == len(text) + 2
