"""Text from outside, on the screen and on the clipboard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.text import plain, safe_link, sanitise, sanitise_line


def test_what_steers_a_terminal_is_shown_instead() -> None:
    assert sanitise("a\x1b[31mb\x07\x9b\x7f") == "a␛[31mb␇�␡"
    assert sanitise("\u202etxt.exe\u202c") == "�txt.exe�"
    assert sanitise("pay\u200bpal") == "pay�pal"


def test_writing_that_needs_joiners_keeps_them() -> None:
    family = "👩\u200d👩\u200d👧"
    persian = "می\u200cخواهم"
    assert sanitise(family) == plain(family) == family
    assert sanitise(persian) == plain(persian) == persian
    assert sanitise("a\u200db") == "a�b"


def test_tabs_are_expanded_on_the_screen_and_kept_in_a_copy() -> None:
    assert sanitise("a\tb\n\tc") == "a   b\n    c"
    assert plain("a\tb\r\n\x1b\tc") == "a\tb\n\tc"


def test_one_line_stays_one_line() -> None:
    assert sanitise_line("a\r\nb\u2028c\x85d") == "a b c d"


def test_towers_of_marks_are_cut() -> None:
    assert len(sanitise("e" + "\u0301" * 500)) == 5


@pytest.mark.parametrize(
    ("href", "safe"),
    [
        ("https://example.com/a?b=c", True),
        ("mailto:a@b.example", True),
        ("javascript:alert(1)", False),
        ("file:///etc/passwd", False),
        ("https://a\x1b\\b", False),
        ("https://a b", False),
    ],
)
def test_only_plain_web_and_mail_addresses_are_links(href: str, safe: bool) -> None:
    assert safe_link(href) == (href if safe else "")


@given(st.text())
def test_copies_and_screens_hold_no_control_characters(text: str) -> None:
    assert not {c for c in plain(text) + sanitise(text) if ord(c) < 32 and c not in "\n\t"}
    assert "\t" not in sanitise(text)
    assert "\n" not in sanitise_line(text)
