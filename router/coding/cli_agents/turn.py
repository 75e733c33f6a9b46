"""What a program tells, as one reply in the journal."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

import msgspec

from router.coding.cli_agents.told import (
    Began,
    Called,
    Changed,
    Ended,
    Remarked,
    Returned,
    Said,
    Thought,
    Told,
)
from router.coding.contract import Say
from router.coding.visible import visible
from router.config import DEFAULT_MODEL, program_of
from router.providers.base import BrokenStream
from store.events import (
    Candidate,
    FileChanged,
    Note,
    ReasoningDelta,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolCalled,
    ToolReturned,
    Usage,
)

_TEXT: Final = 2_000_000
"""Characters of text and thoughts that one run may write. More is no answer but a fault."""
_CALLS: Final = 5_000
_NOTES: Final = 200
_SHOWN: Final = 20_000
"""Characters of a tool's result, or of a diff, that are kept."""
_WORD: Final = 2_000
"""Characters of a text within a tool's arguments."""
_ITEMS: Final = 50
_DEPTH: Final = 6

Json: TypeAlias = "str | int | float | bool | dict[str, Json] | list[Json] | None"


class Turn:
    """Says one reply, from its start to its end."""

    def __init__(self, candidate: Candidate, prompt: str, root: Path, say: Say, why: str) -> None:
        self.reply = uuid.uuid4().hex
        self.model = "" if candidate.model == DEFAULT_MODEL else candidate.model
        """As it is shown and booked."""
        self.began = False
        self._candidate = candidate
        self._prompt = prompt
        self._root = root
        self._say = say
        self._why = why
        self._text: list[str] = []
        self._length = 0
        self._reasoned = 0
        self._called: dict[str, str] = {}
        """Calls that have not returned, with the names they have in the journal."""
        self._calls = 0
        self._notes = 0
        self._gap = False
        """Something else stands between what it said and what it says next."""

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def written(self) -> int:
        """Characters of text and thoughts."""
        return self._length + self._reasoned

    @property
    def silent(self) -> bool:
        """Nothing of a model's has come yet."""
        return not (self._length or self._reasoned or self._calls)

    def take(self, told: Told) -> None:
        """Say it.

        Raises:
            BrokenStream: it is more than any honest run tells.
        """
        match told:
            case Remarked():
                self._note(told)
            case Began() | Said() | Thought() | Called() | Returned() | Changed():
                self._begin(told.model if isinstance(told, Began) else "")
                self._take(told)
            case _:
                pass

    def _take(self, told: Began | Said | Thought | Called | Returned | Changed) -> None:
        match told:
            case Said(text=text):
                self._said(text)
            case Thought(text=text):
                self._bound(text)
                self._say(ReasoningDelta(reply=self.reply, offset=self._reasoned, text=text))
                self._reasoned += len(text)
            case Called():
                self._call(told)
            case Returned():
                self._return(told)
            case Changed():
                self._change(told)
            case Began():
                pass

    def finish(self, ended: Ended, cost: float | None) -> None:
        self._begin("")
        if ended.text and not self._length:
            self._said(ended.text)
        self._close_calls()
        self._say(
            ReplyFinished(
                reply=self.reply,
                text=self.text,
                stop_reason="length" if ended.stopped else "end",
                usage=ended.usage,
                cost=cost,
            )
        )

    def fail(self, failure: str, message: str, usage: Usage, cost: float | None) -> None:
        """End the reply without its end, if there is one."""
        if not self.began:
            return
        self._close_calls()
        self._say(
            ReplyFailed(
                reply=self.reply,
                prompt=self._prompt,
                text=self.text,
                failure=failure,
                message=message,
                usage=usage,
                cost=cost,
            )
        )

    # --- piece by piece --------------------------------------------------------------------------

    def _begin(self, model: str) -> None:
        if self.began:
            return
        self.began = True
        told = visible(model, keep="")[:100]
        self.model = self.model or told or program_of(self._candidate.account) or DEFAULT_MODEL
        started = ReplyStarted(
            reply=self.reply,
            prompt=self._prompt,
            tier=self._candidate.tier,
            model=self.model,
            account=self._candidate.account,
            why=self._why,
        )
        self._say(started)

    def _said(self, text: str) -> None:
        if self._gap and self._length and not text.startswith("\n"):
            text = "\n\n" + text
        self._gap = False
        self._bound(text)
        self._say(TextDelta(reply=self.reply, offset=self._length, text=text))
        self._text.append(text)
        self._length += len(text)

    def _bound(self, text: str) -> None:
        if self.written + len(text) > _TEXT:
            raise BrokenStream(f"wrote more than {_TEXT:,} characters")

    def _call(self, told: Called) -> None:
        self._calls += 1
        if self._calls > _CALLS:
            raise BrokenStream(f"called more than {_CALLS:,} tools")
        self._gap = True
        call = f"{self.reply}-{self._calls}"  # theirs is unique within a run at most
        self._called[told.call] = call
        self._say(
            ToolCalled(
                reply=self.reply,
                call=call,
                name=visible(told.name, keep="")[:100] or "tool",
                arguments=msgspec.json.encode(_bounded(told.arguments)).decode(),
            )
        )

    def _return(self, told: Returned) -> None:
        call = self._called.pop(told.call, None)
        if call is not None:
            text = _cut(told.text)
            self._say(ToolReturned(reply=self.reply, call=call, text=text, failed=told.failed))

    def _change(self, told: Changed) -> None:
        path = self._inside(told.path)
        if path is not None:
            self._say(
                FileChanged(
                    reply=self.reply,
                    path=path,
                    change=told.change,
                    added=told.added,
                    removed=told.removed,
                    diff=_cut(told.diff),
                )
            )

    def _note(self, told: Remarked) -> None:
        self._notes += 1
        if self._notes <= _NOTES:
            text = visible(told.text, keep="")[:_WORD]
            self._say(Note(level="warning" if told.warning else "info", text=text))

    def _close_calls(self) -> None:
        for call in self._called.values():
            text = "It did not return."
            self._say(ToolReturned(reply=self.reply, call=call, text=text, failed=True))
        self._called.clear()

    def _inside(self, path: str) -> str | None:
        """The path as seen from the workspace; `None` where it leads out of it."""
        whole = os.path.normpath(self._root / path)
        within = os.path.relpath(whole, self._root) if Path(whole).is_absolute() else path
        if within in ("", ".") or within.startswith("..") or "\0" in within:
            return None
        return visible(within.replace(os.sep, "/"), keep="")[:_WORD]


def _cut(text: str) -> str:
    shown = visible(text[:_SHOWN])
    left = len(text) - _SHOWN
    return shown if left <= 0 else f"{shown}\n… {left:,} characters more"


def _bounded(value: object, depth: int = 0) -> Json:
    """The same value with long texts and lists cut off, and nothing in it that hides."""
    if isinstance(value, str):
        cut = visible(value[:_WORD])
        return cut if len(value) <= _WORD else f"{cut}… ({len(value):,} characters)"
    if isinstance(value, bool | int | float) or value is None:
        return value
    if depth == _DEPTH:
        return "…"
    if isinstance(value, Mapping):
        items = list(cast(Mapping[object, object], value).items())[:_ITEMS]
        return {visible(str(k), keep="")[:200]: _bounded(v, depth + 1) for k, v in items}
    if isinstance(value, list | tuple):
        return [_bounded(v, depth + 1) for v in list(cast(list[object], value))[:_ITEMS]]
    return visible(str(value)[:200])
