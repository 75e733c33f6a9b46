"""Judging one layer of configuration, value by value, so that every mistake in it is named.

`msgspec.convert` stops at the first mistake and knows no file; this walks the same types, hands
on what is good, and says of each bad value what would have been allowed.
"""

from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec

from router.config import Config, ModelRef
from router.keys import looks_like_key, redact
from router.layers import KeyPath, Layer, Mistake, Table, dotted

PROJECT_MAY: Final = ("tiers", "limits", "sessions", "instructions")
"""What a project's file may set. It comes with a checkout that anybody may have written, so it can
choose among the user's accounts, but not say where prompts and keys go, what is spent at most, or
where private prompts stay (T4)."""

_PLAIN: Final[dict[object, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
}
_MISSING: Final = object()


class _Walk:
    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.mistakes: list[Mistake] = []

    def say(self, path: KeyPath, text: str) -> None:
        self.mistakes.append(self.layer.mistake(path, text))

    def value(self, value: object, kind: object, path: KeyPath) -> object:
        """The value, cleaned of its mistakes, or `_MISSING` if nothing of it is left."""
        kind = _without_none(kind)
        if kind is ModelRef:
            return self.reference(value, path)
        origin = get_origin(kind)
        if _is_struct(kind):
            return self.table(value, _fields(kind), path)
        if origin is dict:
            return self.named(value, kind, path)
        if origin is tuple:
            return self.items(value, get_args(kind)[0], path)
        return self.leaf(value, kind, path)

    def table(self, value: object, fields: dict[str, object], path: KeyPath) -> object:
        if not isinstance(value, dict):
            return self.refuse(value, path, "a table")
        clean: Table = {}
        for name, inner in cast(Table, value).items():
            if name in fields:
                _keep(clean, name, self.value(inner, fields[name], (*path, name)))
            else:
                self.unknown(name, fields, path)
        return clean

    def named(self, value: object, kind: object, path: KeyPath) -> object:
        if not isinstance(value, dict):
            return self.refuse(value, path, "a table")
        key, inner_kind = get_args(kind)
        names: tuple[str, ...] = get_args(key)
        clean: Table = {}
        for name, inner in cast(Table, value).items():
            if names and name not in names:
                self.unknown(name, names, path)
            else:
                _keep(clean, name, self.value(inner, inner_kind, (*path, name)))
        return clean

    def items(self, value: object, kind: object, path: KeyPath) -> object:
        if not isinstance(value, list):
            return self.refuse(value, path, "a list in [ ]")
        found = (self.item(v, kind, (*path, i)) for i, v in enumerate(cast(list[object], value)))
        return [item for item in found if item is not _MISSING]

    def item(self, value: object, kind: object, path: KeyPath) -> object:
        """Items are never merged with another layer's, so each must be whole, or it goes."""
        before = len(self.mistakes)
        clean = self.value(value, kind, path)
        if _is_struct(kind) and isinstance(value, dict):
            for name in missing(cast(Table, value), kind):
                self.say(path, lacks(path, kind, name))
        return clean if len(self.mistakes) == before else _MISSING

    def leaf(self, value: object, kind: object, path: KeyPath) -> object:
        try:
            return msgspec.convert(value, cast(Any, kind))
        except msgspec.ValidationError:
            return self.refuse(value, path, allowed(kind), _choices(kind))

    def reference(self, value: object, path: KeyPath) -> object:
        try:
            return msgspec.to_builtins(ModelRef.parse(msgspec.convert(value, str)))
        except ValueError:
            return self.refuse(value, path, 'a model as "account/model"')

    def refuse(
        self, value: object, path: KeyPath, must: str, choices: tuple[str, ...] = ()
    ) -> object:
        hint = did_you_mean(value, choices) if isinstance(value, str) else ""
        self.say(path, f"{dotted(path)} is {_shown(value, path)}{hint}; it must be {must}.")
        return _MISSING

    def unknown(self, name: str, known: Iterable[str], path: KeyPath) -> None:
        here = f"{dotted(path)} knows" if path else "known are"
        names = sorted(known)
        text = f"there is no {dotted((*path, name))}{did_you_mean(name, names)}; "
        self.say((*path, name), f"{text}{here}: {', '.join(names)}.")


def check(layer: Layer) -> tuple[Table, list[Mistake]]:
    """The layer's good values, in the shape of `Config`, and a mistake for each bad one."""
    walk = _Walk(layer)
    values = layer.values
    if layer.origin == "project":
        values = _only_what_a_project_may(walk, values)
    clean = walk.table(values, _fields(Config), ())
    return cast(Table, clean), walk.mistakes


def _only_what_a_project_may(walk: _Walk, values: Table) -> Table:
    kept: Table = {}
    for name, value in values.items():
        if name in PROJECT_MAY or name not in _fields(Config):
            kept[name] = value
        else:
            may = ", ".join(PROJECT_MAY)
            walk.say((name,), f"a project's file may not set {name}, only {may}: {_WHY}.")
    tiers = kept.get("tiers")
    if isinstance(tiers, dict) and "T4" in tiers:
        walk.say(("tiers", "T4"), f"a project's file may not set tiers.T4, the local tier: {_WHY}.")
        kept["tiers"] = {k: v for k, v in cast(Table, tiers).items() if k != "T4"}
    return kept


_WHY: Final = "a checkout is not trusted with that; set it in your own file (butler config path)"


# --- what types say -----------------------------------------------------------------------------


def missing(values: Table, kind: object) -> list[str]:
    """The names of a struct's required fields that are not among `values`."""
    required = (f for f in msgspec.structs.fields(cast(Any, kind)) if f.required)
    return [field.encode_name for field in required if field.encode_name not in values]


def lacks(path: KeyPath, kind: object, name: str) -> str:
    must = allowed(_without_none(_fields(kind)[name]))
    return f"{dotted(path)} has no {name}; it must be {must}."


def allowed(kind: object) -> str:
    """The end of "it must be …" for a value of this type."""
    if get_origin(kind) is Annotated:
        notes = cast(tuple[object, ...], get_args(kind)[1:])
        said = next((m.description for m in notes if isinstance(m, msgspec.Meta)), None)
        return said or allowed(get_args(kind)[0])
    if choices := _choices(kind):
        return "one of " + ", ".join(choices)
    return _PLAIN.get(kind, "something else")


def _fields(kind: object) -> dict[str, object]:
    return {f.encode_name: f.type for f in msgspec.structs.fields(cast(Any, kind))}


def _without_none(kind: object) -> object:
    if get_origin(kind) not in {Union, UnionType}:
        return kind
    return next(part for part in get_args(kind) if part is not type(None))


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _choices(kind: object) -> tuple[str, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def _keep(table: Table, name: str, value: object) -> None:
    if value is not _MISSING:
        table[name] = value


# --- words --------------------------------------------------------------------------------------


def _shown(value: object, path: KeyPath) -> str:
    """A value as the sentence may quote it: short, harmless on a terminal, and never a key."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if path[-1] == "key" or looks_like_key(str(value)):
        return "not that"
    text = redact(repr(value)) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    from rapidfuzz import fuzz, process, utils

    best = process.extractOne(
        word, list(known), scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=60
    )
    return best[0] if best else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest known word as an insertion into a sentence; empty if none is near."""
    near = nearest(word, known)
    return f" (did you mean {near}?)" if near else ""
