"""Sanitizing text that an attacker may control."""

import re

from hypothesis import given
from hypothesis import strategies as st

from functions.finding_importer.text import clean_line, defang, inline_code, text_value


def test_a_line_has_no_control_characters() -> None:
    for text, expected in (
        ("plain", "plain"),
        (" two\r\nlines\t\x00here ", "two lines here"),
        ("a\u2028b\u202ec\ud800d", "a b c d"),
        ("\n\x1b", ""),
        ("naïve 日本", "naïve 日本"),
    ):
        assert clean_line(text, 100) == expected


def test_a_long_line_is_truncated_between_characters() -> None:
    for text, expected in (
        ("abcd", "abcd"),
        ("abcde", "abc…"),
        ("ab cde", "ab…"),
        ("ab😀😀", "ab…"),
        ("a😀bcd", "a😀…"),
    ):
        assert clean_line(text, 4) == expected


@given(st.text(), st.integers(1, 50))
def test_a_line_respects_its_limit_and_is_stable(text: str, limit: int) -> None:
    cleaned = clean_line(text, limit)

    assert len(cleaned.encode("utf-16-le")) <= 2 * limit
    assert cleaned == cleaned.strip()
    assert clean_line(cleaned, limit) == cleaned


def test_a_value_that_is_not_a_string_is_shown_as_json() -> None:
    for document, expected in (
        ({}, None),
        ({"MFAUsed": ""}, None),
        ({"MFAUsed": "No"}, "No"),
        ({"MFAUsed": None}, "null"),
        ({"MFAUsed": False}, "false"),
        ({"MFAUsed": {"a": 1}}, "(object)"),
        ({"MFAUsed": [1]}, "(array)"),
    ):
        assert text_value(document, "MFAUsed", 100) == expected


def test_mail_clients_do_not_link_defanged_text() -> None:
    for text, expected in (
        ("https://evil.example/x", "https[:]//evil[.]example/x"),
        ("www.evil.example WWW.evil.example", "www[.]evil[.]example WWW[.]evil[.]example"),
        ("http://a://b", "http[:]//a[:]//b"),
        ("evil\u3002example evil\uff0eexample", "evil[.]example evil[.]example"),
        ("ana@example.com", "ana[at]example[.]com"),
        ("The end. Next", "The end. Next"),
        ("Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (X11; Linux)"),
        ("198.51.100.7", "198.51.100.7"),
    ):
        assert defang(text) == expected


@given(st.text() | st.text("aB1.:/@"))
def test_arbitrary_defanged_text_has_no_link(text: str) -> None:
    defanged = defang(text)

    assert "://" not in defanged
    assert "@" not in defanged
    assert not re.search(r"\w\.[^\W\d_]", defanged)


@given(st.text() | st.text("`<>|!@#[]()*_~\\&"))
def test_arbitrary_text_cannot_leave_inline_code(text: str) -> None:
    code = inline_code(text)

    assert code[0] == code[-1] == "`"
    assert not set("`<>|") & set(code[1:-1])
    assert len(code) == len(text) + 2
