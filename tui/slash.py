"""Slash commands: their names, what they say of themselves, and reading one from the prompt."""

import re
from typing import Final

import msgspec

_FORM: Final = re.compile(r"/([A-Za-z][A-Za-z-]*)(?:\s+(.*))?\s*", re.DOTALL)


class Command(msgspec.Struct, frozen=True):
    name: str
    arguments: str
    """What may follow, for the reader; empty when nothing may."""
    says: str
    needs: bool = False
    """Whether it means nothing without its arguments."""


COMMANDS: Final = (
    Command("help", "", "keys and commands"),
    Command("new", "", "begin another chat; this one is kept"),
    Command("sum", "TEXT or @file", "summarise in the background, in a tab of its own", needs=True),
    Command("sessions", "[words]", "open, search, fork, rename or delete a chat"),
    Command("model", "[account/model | auto]", "pin the model that answers here"),
    Command(
        "tier",
        "[T0…T4 | auto | T1 off until 18:00]",
        "pin who answers here; or say that a tier is off",
    ),
    Command("critical", "[text]", "this prompt matters: the best model allowed answers it"),
    Command("private", "[text]", "this prompt stays on this machine"),
    Command("local", "[text]", "ask the local model"),
    Command("close", "", "close this tab; what runs in it goes on"),
    Command("usage", "", "tokens and cost by tier, model and day"),
    Command("diff", "", "what the coding session has changed: look, apply, keep or discard"),
    Command("copy", "[block]", "copy the last answer, or its n-th code block"),
    Command("export", "[file]", "write this chat to a Markdown file"),
    Command("replay", "[session]", "watch a chat as it happened"),
    Command("doctor", "", "which tiers are ready, what is missing, how to mend it"),
    Command("agent", "[NAME TASK]", "have one of your own agents do it; alone, which there are"),
    Command("theme", "[name]", "choose colours, with a preview"),
    Command("mouse", "[on | off]", "let the terminal have the mouse, or take it back"),
    Command("config", "", "where the configuration is, how to add a provider"),
    Command("quit", "", "leave; what runs is kept as interrupted"),
)
BY_NAME: Final = {command.name: command for command in COMMANDS}
PASSED_ON: Final = frozenset({"code", "plan", "agent", "research", "image", "speak"})
"""Words that say what kind of work a prompt is: the engine reads them, not the screen. What is a
command as well is one when it stands alone."""


class Slash(msgspec.Struct, frozen=True):
    name: str
    arguments: str


def parse(text: str) -> Slash | None:
    """The command a prompt is, or `None` for plain text (a path such as `/usr/bin` is text)."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        return None
    name, arguments = match[1].lower(), (match[2] or "").strip()
    passed_on = name in PASSED_ON and (arguments or name not in BY_NAME)
    return None if passed_on else Slash(name, arguments)


def nearest(name: str) -> str:
    """The command most like a misspelt name."""
    from rapidfuzz import process

    found = process.extractOne(name, list(BY_NAME))
    return found[0] if found else "help"


def unknown(name: str) -> str:
    return f"There is no command /{name}. Did you mean /{nearest(name)}? /help lists them all."


def matching(text: str) -> list[Command]:
    """Commands that a prompt of one unfinished word may become."""
    if not text.startswith("/") or any(character.isspace() for character in text):
        return []
    typed = text[1:].lower()
    return [command for command in COMMANDS if command.name.startswith(typed)]
