"""Pasted text is text, whatever it holds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from textual import events

from tui.pasting import GuardedParser, PasteGuard

START, END = "\x1b[200~", "\x1b[201~"
HOSTILE = "red \x1b]0;owned\x07 \x1b[31m text \x1b\r more"


def parsed(*pieces: str) -> list[object]:
    parser = GuardedParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@given(st.lists(st.integers(0, 60), max_size=8))
def test_a_hostile_paste_is_one_paste_however_it_is_read(places: list[int]) -> None:
    data = f"{START}{HOSTILE}{END}"
    edges = sorted({0, len(data), *(place % len(data) for place in places)})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    found = parsed(*pieces)
    assert [type(event) for event in found] == [events.Paste]
    assert isinstance(found[0], events.Paste)
    assert found[0].text == HOSTILE.replace("\x1b", "␛")


def test_keys_before_and_after_a_paste_stay_keys() -> None:
    found = parsed(f"a{START}b\x1bc{END}d\x1b[A")
    names = [event.key if isinstance(event, events.Key) else "paste" for event in found]
    assert names == ["a", "paste", "d", "up"]


@given(st.text(alphabet=st.characters(exclude_characters="\x1b"), max_size=80))
def test_what_is_typed_passes_untouched(text: str) -> None:
    assert PasteGuard().filter(text) == text
