"""Reading the configuration: flag before environment, project file, user file, default."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, cast, overload

import msgspec

from router.checking import check, lacks, missing
from router.config import PROGRAMS, Account, Config, ModelRef, Price, program_of
from router.consistency import Fault, faults
from router.layers import KeyPath, Layer, Mistake, Origin, Table, holds, read_layers
from router.places import Places

_GRAVE: Final = frozenset({"accounts", "budgets"})
_SHIPPED_LOCAL: Final = (ModelRef("embedded", "smollm2"),)
_CAUTION: Final = "Until that is mended only the local tier answers: what was meant can't be told."


class ConfigError(Exception):
    """The configuration has mistakes. `str(error)` names each on a line of its own."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


class Loaded(msgspec.Struct, frozen=True):
    """A configuration, what is wrong with its sources, and which source each value came from."""

    config: Config
    """Without the values that are wrong."""
    mistakes: list[Mistake]
    origins: dict[KeyPath, Origin]
    """By the path of each value that is no table; what is not here is as shipped."""
    layers: list[Layer]
    cautious: bool
    """Something is wrong that decides where prompts go or what may be spent: only T4 is left."""

    def values(self) -> dict[KeyPath, object]:
        """Everything that applies, as TOML would have it, by path; `None`s left out."""
        whole = cast(Table, msgspec.to_builtins(self.config))
        whole["tiers"] = {tier: list(map(str, refs)) for tier, refs in self.config.tiers.items()}
        return dict(_leaves(whole, ()))

    def sentences(self) -> list[str]:
        return [*map(str, self.mistakes), *([_CAUTION] if self.cautious else [])]


@overload
def load(
    places: Places,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    lenient: Literal[False] = False,
) -> Config: ...


@overload
def load(
    places: Places,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    lenient: Literal[True],
) -> tuple[Config, list[str]]: ...


def load(
    places: Places,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    lenient: bool = False,
) -> Config | tuple[Config, list[str]]:
    """The effective configuration.

    Args:
        project: The workspace; its `.butler.toml` is looked for there and up to the root of its
            git repository. `None` reads no project file.
        overrides: Settings from flags, by dotted path: `{"ui.theme": "nord"}`.
        lenient: Return `(config, sentences)` instead of raising: what is wrong falls back to the
            default, and if it concerns accounts or budgets only the local tier is left.

    Raises:
        ConfigError: there are mistakes, and `lenient` is false.
    """
    loaded = read(places, environ=environ, project=project, overrides=overrides)
    if lenient:
        return loaded.config, loaded.sentences()
    if loaded.mistakes:
        raise ConfigError(loaded.mistakes)
    return loaded.config


def read(
    places: Places,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """As `load`, with everything there is to know about it. Raises nothing."""
    layers, mistakes = read_layers(places, environ, project, overrides or {})
    values: Table = {}
    origins: dict[KeyPath, Origin] = {}
    for layer in layers:
        clean, more = check(layer)
        mistakes += more
        _merge(values, clean, origins, layer.origin)
        if layer.origin != "project":
            _bring_in_programs(clean, values)
    config = _settle(values, layers, mistakes)
    origins = {path: origin for path, origin in origins.items() if holds(values, path)}
    mistakes.sort(key=lambda mistake: (mistake.where, mistake.line or 0))
    cautious = any(not m.path or m.path[0] in _GRAVE for m in mistakes)
    if cautious:
        tiers = {"T4": config.tiers.get("T4") or _SHIPPED_LOCAL}
        config = msgspec.structs.replace(config, tiers=tiers)
    return Loaded(config, mistakes, origins, layers, cautious)


def _bring_in_programs(layer: Table, values: Table) -> None:
    """A program on the PATH needs no account of the user's making. That it stands in a tier brings
    it in, if the user put it there: a checkout may choose it then, but not bring it in."""
    for refs in cast(dict[str, object], layer.get("tiers", {})).values():
        for ref in msgspec.convert(refs, list[ModelRef]):
            if program_of(ref.account) in PROGRAMS:
                accounts = cast(Table, values.setdefault("accounts", {}))
                _ = accounts.setdefault(ref.account, {"wire": "cli"})


def _merge(
    into: Table, values: Table, origins: dict[KeyPath, Origin], origin: Origin, at: KeyPath = ()
) -> None:
    """Tables are merged key by key; anything else, a list too, replaces what was there."""
    for name, value in values.items():
        path = (*at, name)
        if isinstance(value, dict):
            inner = into.setdefault(name, {})
            _merge(cast(Table, inner), cast(Table, value), origins, origin, path)
        else:
            into[name] = value
            origins[path] = origin


def _settle(values: Table, layers: list[Layer], mistakes: list[Mistake]) -> Config:
    """Build the configuration; what does not hang together is named and taken out."""
    while True:
        found = list(_incomplete(values))
        if not found:
            config = msgspec.convert(values, Config)
            found = list(faults(config))
            if not found:
                return config
        mistakes += [_place(fault, layers) for fault in found if not _follows(fault, mistakes)]
        for fault in reversed(found):
            _take_out(values, fault.path)


def _incomplete(values: Table) -> Iterator[Fault]:
    """Entries that no layer, or all layers together, have given what they must have."""
    for name, account in cast(dict[str, Table], values["accounts"]).items():
        path: KeyPath = ("accounts", name)
        yield from (Fault(path, lacks(path, Account, n)) for n in missing(account, Account))
    for name, model in cast(dict[str, Table], values["models"]).items():
        if "price" in model:
            path = ("models", name, "price")
            price = cast(Table, model["price"])
            yield from (Fault(path, lacks(path, Price, n)) for n in missing(price, Price))


def _place(fault: Fault, layers: list[Layer]) -> Mistake:
    strongest = (layer for layer in reversed(layers) if layer.holds(fault.path))
    return next(strongest, layers[0]).mistake(fault.path, fault.text)


def _follows(fault: Fault, mistakes: list[Mistake]) -> bool:
    """Whether the fault is only a consequence of a mistake that is named already.

    So is one in a list from which others were taken out: its number is no longer the file's.
    """
    numbered = next((i for i, step in enumerate(fault.path) if isinstance(step, int)), None)
    causes = [fault.path, fault.about or fault.path, fault.path[:numbered]]
    return any(mistake.path[: len(cause)] == cause for mistake in mistakes for cause in causes)


def _take_out(values: Table, path: KeyPath) -> None:
    if not holds(values, path):
        return  # gone with something around it
    inside = values
    for step in path[:-1]:
        inside = cast(Table, inside[cast(str, step)])
    _ = inside.pop(cast(str, path[-1]))


def _leaves(table: Table, at: KeyPath) -> Iterator[tuple[KeyPath, object]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(cast(Table, value), (*at, name))
        elif value is not None:
            yield (*at, name), value
