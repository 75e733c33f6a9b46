"""What is shown hides nothing."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.coding.visible import hides, visible, visible_command

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("a\rb", "a␍b"),
        ("a\x7f\x00", "a␡␀"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("if \u202eadmin\u2066", "if ⟨U+202E⟩admin⟨U+2066⟩"),
        ("r\u200bm", "r⟨U+200B⟩m"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("half\ud83d", "half⟨U+D83D⟩"),
        ("sep\u2028line", "sep⟨U+2028⟩line"),
        ("a\ufe0fb", "a⟨U+FE0F⟩b"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("✔\ufe0f done, größer 日本語 👍🏽", "✔\ufe0f done, größer 日本語 👍🏽"),
        ("✔\ufe0f\ufe0f", "✔\ufe0f⟨U+FE0F⟩"),
    ],
)
def test_what_a_terminal_hides_or_obeys_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_nothing_is_kept_that_was_not_asked_for() -> None:
    assert visible("a\n\tb", keep="") == "a␊␉b"
    assert visible("a\n\tb", keep="\n") == "a\n␉b"


def test_a_command_shows_its_line_breaks_and_its_odd_spaces() -> None:
    assert visible_command("ls\nrm\u00a0-rf\tx") == "ls⏎\nrm⟨U+00A0⟩-rf␉x"


@pytest.mark.parametrize("category", ["Cc", "Cf", "Zl", "Zp", "Cs"])
def test_no_character_of_a_category_that_is_not_seen_is_left(category: str) -> None:
    every = "".join(
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == category
    )
    left = {char for char in visible(every, keep="") if unicodedata.category(char) == category}
    assert every
    assert left == set()


@given(ANY_TEXT)
def test_a_second_time_changes_nothing(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert visible_command(visible_command(text)) == visible_command(text)


@given(ANY_TEXT)
def test_a_command_without_anything_hidden_is_shown_as_it_is(text: str) -> None:
    if not hides(text) and not {"\n", "\t"} & set(text):
        assert visible_command(text) == text


@given(ANY_TEXT)
def test_what_is_shown_can_be_written_to_a_terminal(text: str) -> None:
    for shown in (visible(text), visible_command(text)):
        shown.encode()
        assert not any(unicodedata.category(char) == "Cc" for char in shown if char not in "\n\t")


@pytest.mark.parametrize("piece", ["plain text\n", "\x1b[0m", "\u202e", "é\u200b✔\ufe0f"])
def test_a_megabyte_takes_no_time_to_speak_of(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    visible(text)
    assert time.process_time() - began < 1.5
