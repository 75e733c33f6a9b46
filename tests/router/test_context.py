"""What of a conversation a model is sent."""

from hypothesis import given
from hypothesis import strategies as st

from router.context import Turn, continued, estimate, fit, turns
from router.providers.base import Message, TextPart
from router.summaries import split
from router.view import LongText
from router.view import Message as Shown
from store.events import Attachment


def text(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def said(name: str, words: str, *, private: bool = False, reply_to: str = "") -> Shown:
    return Shown(
        id=name,
        role="butler" if reply_to else "user",
        at=0,
        text=LongText().plus(words),
        private=private,
        prompt=reply_to,
    )


def test_what_does_not_fit_is_the_oldest_and_is_counted() -> None:
    history = [Turn(n % 2 == 0, "x" * 300) for n in range(9)]
    fitted = fit(history, 3 * history[0].tokens, local=False)
    assert fitted.dropped == 6
    assert [m.role for m in fitted.messages] == ["user", "assistant", "user"]


def test_the_prompt_itself_always_goes_in() -> None:
    history = [Turn(True, "old"), Turn(False, "answer"), Turn(True, "y" * 9000)]
    fitted = fit(history, 10, local=False)
    assert [text(m) for m in fitted.messages] == ["y" * 9000]


def test_private_turns_and_their_answers_stay_on_this_machine() -> None:
    shown = [
        said("p1", "my secret", private=True),
        said("r1", "about your secret", reply_to="p1"),
        said("p2", "hello"),
    ]
    history = turns(shown, "p2")
    cloud = fit(history, 10_000, local=False)
    assert "secret" not in "".join(map(text, cloud.messages))
    assert "secret" in "".join(map(text, fit(history, 10_000, local=True).messages))


def test_prompts_still_in_line_are_not_yet_said() -> None:
    waiting = Shown(id="p2", role="user", at=0, text=LongText().plus("later"), state="queued")
    assert [t.text for t in turns([said("p1", "now"), waiting], "p1")] == ["now"]


def test_a_file_goes_in_under_its_name() -> None:
    shown = Shown(
        id="p",
        role="user",
        at=0,
        text=LongText().plus("read this"),
        attachments=(Attachment("notes.md", "body"),),
    )
    assert turns([shown], "p")[0].text == 'read this\n\n<file name="notes.md">\nbody\n</file>'


def test_neighbours_of_one_side_become_one_message() -> None:
    fitted = fit([Turn(True, "a"), Turn(True, "b"), Turn(False, "c")], 1000, local=False)
    assert [m.role for m in fitted.messages] == ["user", "assistant"]


def test_another_model_goes_on_from_the_partial_answer() -> None:
    messages = continued((Message("user", (TextPart("q"),)),), "half an ans")
    assert [m.role for m in messages] == ["user", "assistant", "user"]
    assert text(messages[1]) == "half an ans"


@given(st.text(max_size=4000), st.integers(20, 400))
def test_pieces_hold_the_whole_text_and_fit(whole: str, tokens: int) -> None:
    pieces = split(whole, tokens)
    assert "".join("".join(pieces).split()) == "".join(whole.split())
    assert all(estimate(piece) <= tokens for piece in pieces)


def test_pieces_break_between_paragraphs() -> None:
    paragraphs = ["a" * 200, "b" * 200, "c" * 200]
    assert split("\n\n".join(paragraphs), 100) == paragraphs


def test_a_private_answer_stays_private_when_its_prompt_is_out_of_sight() -> None:
    answer = Shown(
        id="r",
        role="butler",
        at=0,
        text=LongText().plus("about your secret"),
        prompt="gone",
        tier="T4",
        private=True,
    )
    history = turns([answer, said("p2", "hello")], "p2")
    assert "secret" not in "".join(map(text, fit(history, 10_000, local=False).messages))
