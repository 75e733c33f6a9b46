"""Two models' halves of one answer, joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.seam import Joint, open_fence

PARTIAL = "Here is how the retry queue loses messages when the worker re"


def joined(partial: str, continuation: str, size: int = 5) -> str:
    joint = Joint(partial)
    pieces = [continuation[n : n + size] for n in range(0, len(continuation), size)]
    return partial + "".join(joint.feed(piece) for piece in pieces) + joint.finish()


def test_a_continuation_that_goes_on_is_left_alone() -> None:
    assert joined(PARTIAL, "starts: it acks too early.") == PARTIAL + "starts: it acks too early."


@pytest.mark.parametrize("repeated", [20, 40, len(PARTIAL)])
def test_what_is_repeated_of_the_partial_answer_is_trimmed(repeated: int) -> None:
    whole = PARTIAL + "starts."
    assert joined(PARTIAL, PARTIAL[-repeated:] + "starts.") == whole


def test_a_few_equal_letters_are_no_repetition() -> None:
    assert joined("it says no no ", "no no never") == "it says no no no no never"


@given(st.text(min_size=1, max_size=300), st.text(max_size=300), st.integers(1, 40))
def test_nothing_is_lost_however_it_is_cut(partial: str, more: str, size: int) -> None:
    whole = joined(partial, more, size)
    assert whole.startswith(partial)
    assert joined(partial, more, 1) == whole


def test_a_code_block_that_is_open_is_not_opened_again() -> None:
    partial = "Code:\n\n```python\nfor x in range(3):\n"
    assert joined(partial, "```python\n    print(x)\n```\n") == partial + "    print(x)\n```\n"


def test_closing_an_open_block_is_no_new_one() -> None:
    partial = "```python\nx = 1\n"
    assert joined(partial, "```\nDone.") == partial + "```\nDone."


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("plain", ""),
        ("```py\ncode", "```"),
        ("```py\ncode\n```\n", ""),
        ("````md\n```py\n", "````"),
        ("~~~\ncode\n```\n", "~~~"),
    ],
)
def test_an_open_fence_is_known_by_its_marker(text: str, marker: str) -> None:
    assert open_fence(text) == marker
