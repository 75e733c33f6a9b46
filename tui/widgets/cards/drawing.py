"""A card's title, its body and its keys, whatever its kind."""

from typing import Final

from textual.content import Content

from store.events import ApprovalAsked
from tui.deck import Asking
from tui.text import sanitise_line
from tui.widgets.cards import plan
from tui.widgets.cards.keys import DIGITS, agreeing, keys_of, legend, refusing
from tui.widgets.cards.long import Joined, Rows, diff, framed
from tui.widgets.cards.text import BLANK, Line, document, prose, remarks
from tui.wording import KIND, QUIET

_NAMES: Final = {
    "command": "Command",
    "write": "Write",
    "question": "Question",
    "changes": "Changes",
    "secret": "Secret",
    "reserve": "Reserve",
}


def title(asking: Asking) -> str:
    """What the card is, at its upper left."""
    view, asked = asking
    if asked.kind == "plan":
        return sanitise_line(plan.heading(view, asked))
    name = _NAMES.get(asked.kind) or sanitise_line(asked.kind)
    return f"{name} {asked.approval[:4]}"


def aside(asking: Asking, more: int, room: int) -> str:
    """What stands at its upper right in `room` columns: what it would cost, how many follow."""
    proposed = plan.proposal(*asking) if asking.asked.kind == "plan" else None
    cost = plan.estimate(proposed.estimate) if proposed else ""
    after = (f"{more} more after this", f"+{more}") if more else ("",)
    told = [" · ".join(filter(None, (cost, words))) for words in after]
    return next((words for words in told if len(words) <= room), after[-1])


def head(asking: Asking, more: int, width: int) -> tuple[Content, Content]:
    """The words in the upper side of the frame: at its left, at its right."""
    left = Content.styled(title(asking), "bold")
    room = width - left.cell_length - 3
    if asking.asked.kind == "plan":  # its title can be cut: it stands in the body then
        room = max(room, width // 2)
    return left, Content(aside(asking, more, room))


def body(asking: Asking, width: int, *, elsewhere: bool) -> Rows:
    """All of it; `elsewhere` when it belongs to a session whose tab is not the one shown."""
    view, asked = asking
    lines: list[Line] = []
    plan_asks = asked.kind == "plan"
    if elsewhere:
        lines += _asks(asking, sanitise_line(asked.question) if plan_asks else "", width)
    if plan_asks:
        lines += [] if elsewhere else prose(asked.question, width, QUIET)
        proposed = plan.proposal(view, asked)
        # The detail is the estimate in words: it stands in the frame already.
        detail = "" if proposed and proposed.estimate else asked.detail
        return [*lines, *plan.body(view, asked, width), *prose(detail, width, QUIET)]
    if asked.kind != "question":
        lines += prose(asked.question, width, "bold")
    loud, quiet = remarks(asked.detail, width)
    # What takes a protection away stands above, where a long command can't push it out of sight.
    return Joined([*lines, *loud], _shown(asked, width), quiet)


def _asks(asking: Asking, question: str, width: int) -> list[Line]:
    """Whose card it is, and what it asks: on one line where there is room."""
    view = asking.view
    name = f"{KIND[view.kind]} {sanitise_line(view.title)}".strip()
    asks = (("asked by ", QUIET), (name, "bold underline"))
    one = Line((*asks, (f"   {question}" if question else "", QUIET)))
    if one.cells <= width:
        return [one]
    who = Line(asks)
    first = [who] if who.cells <= width else prose(f"asked by {name}", width, "bold")
    return [*first, *prose(question, width, QUIET)]


def _shown(asked: ApprovalAsked, width: int) -> Rows:
    match asked.kind:
        case "command":
            return framed(asked.shown, width, "command")
        case "write":
            return diff(asked.shown, width)
        case "question":
            return _question(asked, width)
        case "changes":
            return document(asked.shown, width)
        case _:
            return prose(asked.shown, width)


def _question(asked: ApprovalAsked, width: int) -> list[Line]:
    keys = {choice: key for key, choice in keys_of(asked.choices, asked.kind).items()}
    options = [choice for choice in asked.choices if keys.get(choice, "1") in DIGITS]
    listed = "".join(f"\n{number}. {option}" for number, option in enumerate(options, 1))
    told = asked.shown.removesuffix(listed)
    lines = prose(told if asked.question in told else f"{asked.question}\n{told}", width, "bold")
    lines.append(BLANK)
    for option in options:
        first, *rest = prose(option, width - 3)
        lines.append(first.after(f"{keys.get(option, ' ')}  ", "bold $warning"))
        lines += (row.after("   ") for row in rest)
    return lines


def foot(asked: ApprovalAsked, width: int, *, focused: bool) -> tuple[Content, Content]:
    """The keys and the chords, as much in words as there is room for."""
    keys = legend(asked)
    chords = [
        chord
        for chord, choice in (
            ("alt+a", agreeing(asked.choices, asked.kind)),
            ("alt+r", refusing(asked.choices, asked.kind)),
        )
        if choice
    ]
    right = Content("   ".join(chords))
    leave = [("esc", "leave")] if focused else []
    full = _keys([*keys, *leave], "" if focused else "Tab here, then  ", "  ")
    short = _keys(keys, "" if focused else "Tab  ", "  ")
    bare = _keys([(key, "") for key, _ in keys], "" if focused else "Tab  ", " ")
    for left in (full, short):
        if left.cell_length + right.cell_length + 2 <= width:
            return left, right
    if short.cell_length <= width:  # what a key means is worth more than a second key for it
        return short, Content("")
    return bare.truncate(max(1, width), ellipsis=True), right


def _keys(keys: list[tuple[str, str]], lead: str, gap: str) -> Content:
    parts: list[str | tuple[str, str]] = [(lead, QUIET)] if lead else []
    for number, (key, word) in enumerate(keys):
        parts += [gap] * bool(number)
        parts += [(key, "bold $warning"), (f" {word}" if word else "", "$foreground 85%")]
    return Content.assemble(*parts)
