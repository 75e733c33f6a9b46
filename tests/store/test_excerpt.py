"""Excerpts: short, marked, and quick however long and repetitive the text is."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.excerpt import excerpt


def shown(text: str, *phrases: str) -> str:
    return excerpt(text, list(phrases)).replace("\x02", "[").replace("\x03", "]")


def test_every_match_in_sight_is_marked() -> None:
    assert shown("The queue loses a queued job.", "queue") == "The [queue] loses a [queued] job."
    assert shown("The queue loses a queued job.", "queue", "job") == (
        "The [queue] loses a queued [job]."
    ), "only the last word may be a beginning"


def test_words_match_as_they_do_in_the_index() -> None:
    assert shown("Ein CAFÉ, ein Café", "cafe") == "Ein [CAFÉ], ein [Café]"
    assert shown("queue.py:88 and queue_py", "queue.py") == "[queue.py]:88 and [queue_py]"
    assert shown("requeue it", "queue") == "requeue it"


def test_a_long_text_is_cut_where_most_words_stand_together() -> None:
    text = "worst " + "filler " * 300 + "the worst\n\tof times" + " filler" * 300
    line = shown(text, "worst", "times")
    assert "the [worst] of [times]" in line
    assert line.startswith("…")
    assert line.endswith("…")
    assert len(line) < 200


def test_without_a_match_the_beginning_is_shown() -> None:
    assert shown("word " * 100, "absent").startswith("word word")
    assert shown("", "absent") == ""
    assert shown("word", "…") == "word"


@pytest.mark.parametrize("text", ["a " * 1_000_000, "a" * 2_000_000, "é" * 2_000_000])
def test_a_repetitive_book_takes_no_time(text: str) -> None:
    begun = time.process_time()
    assert len(shown(text, "a", "a")) < 500
    assert time.process_time() - begun < 1


@given(st.text(alphabet="ab é\n\t_.İß", max_size=400), st.lists(st.text("abé.", max_size=3)))
def test_an_excerpt_is_a_stretch_of_its_text(text: str, phrases: list[str]) -> None:
    line = excerpt(text, phrases)
    assert line.count("\x02") == line.count("\x03")
    plain = line.replace("\x02", "").replace("\x03", "").strip("…").strip()
    assert plain in " ".join(text.split())
