"""Which key means which choice, and how a card names its keys."""

from collections.abc import Sequence
from typing import Final

from store.events import ApprovalAsked
from tui.text import sanitise_line

LETTERS: Final = {
    "approve": "a",
    "apply": "a",
    "edit": "e",
    "answer": "e",
    "reject": "r",
    "keep": "k",
    "discard": "d",
    "always": "s",
    "stop": "x",
}
"""Of the choices that Butler knows, on a card and on a terminal alike."""
_AGREE: Final = ("approve", "apply", "answer")
_REFUSE: Final = ("reject", "discard")
_WORDS: Final = {
    ("command", "approve"): "once",
    ("command", "stop"): "reject all",
    ("write", "stop"): "reject all",
    ("changes", "keep"): "keep the branch",
}
_COUNTED: Final = frozenset({"plan", "question"})
"""Kinds whose digits are explained in the body, so that the keys only name their range."""
DIGITS: Final = "123456789"


def keys_of(choices: Sequence[str], kind: str = "") -> dict[str, str]:
    """The key of each choice: a letter for those that Butler knows, digits for the rest in order.

    The options of a question are a model's own words: they get digits, whatever they say.
    """
    own_words = kind == "question"
    known = {"answer"} if own_words else LETTERS.keys()
    keys: dict[str, str] = {}
    for choice in choices:
        letter = LETTERS[choice] if choice in known else ""
        if letter and letter not in keys:
            keys[letter] = choice
        elif not own_words and choice in DIGITS and choice:
            keys[choice] = choice
    free = (digit for digit in DIGITS if digit not in keys)
    for choice in choices:
        if choice not in keys.values() and (digit := next(free, "")):
            keys[digit] = choice
    order = {choice: number for number, choice in enumerate(choices)}
    return dict(sorted(keys.items(), key=lambda item: order[item[1]]))


def agreeing(choices: Sequence[str], kind: str = "") -> str:
    """What alt+a means here; empty where nothing is agreed to. A model's own words never are."""
    known = ("answer",) if kind == "question" else _AGREE
    return next((choice for choice in known if choice in choices), "")


def refusing(choices: Sequence[str], kind: str = "") -> str:
    """What alt+r means here."""
    known = () if kind == "question" else _REFUSE
    return next((choice for choice in known if choice in choices), "")


def legend(asked: ApprovalAsked) -> list[tuple[str, str]]:
    """Keys with what they do, in the order in which they are shown."""
    shown: list[tuple[str, str]] = []
    digits: list[str] = []
    for key, choice in keys_of(asked.choices, asked.kind).items():
        if key in DIGITS and asked.kind in _COUNTED:
            digits.append(key)
        else:
            shown.append((key, _word(asked, choice)))
    if asked.kind == "changes":
        shown.append(("v", "view the diff"))
    if digits:
        shown.append((_range(sorted(digits)), "choose"))
    return shown


def _word(asked: ApprovalAsked, choice: str) -> str:
    if choice == "always" and asked.kind == "command":
        from router.coding.command_line import read

        # What the rule takes it for: exactly that is going to be allowed.
        return f"always {sanitise_line(read(asked.shown).name)}".rstrip()
    return _WORDS.get((asked.kind, choice)) or sanitise_line(choice)


def _range(digits: Sequence[str]) -> str:
    first, last = digits[0], digits[-1]
    whole = int(last) - int(first) + 1 == len(digits)
    return f"{first}–{last}" if whole and len(digits) > 1 else " ".join(digits)
