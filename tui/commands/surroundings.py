"""What every command finds around it: places, configuration, store, log."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from router.config import Config
from router.keys import KeysError, mend_keys_file
from router.loading import load
from router.places import Places
from tui.exits import CommandFailed
from tui.log import logging_to

if TYPE_CHECKING:
    from collections.abc import Generator

    from store.opening import Store


def find_places() -> Places:
    return Places.find(os.environ)


def find_workspace() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise CommandFailed("The folder you are in is gone: cd to one that exists.") from error


def load_config(places: Places, project: Path | None = None) -> Config:
    """The configuration in force here, or in another folder.

    Raises:
        ConfigError: it has mistakes.
    """
    return load(places, environ=os.environ, project=project or find_workspace())


def keys_remark(places: Places) -> str:
    """What the user should know about the keys' file; empty when all is well."""
    try:
        return mend_keys_file(places)
    except KeysError as error:
        return str(error)


@contextmanager
def opened_store(places: Places) -> "Generator[Store]":
    """The store, with warnings going to the log while it is open.

    Raises:
        StoreError: it can't be opened.
    """
    # The dashboard's first picture doesn't wait for these.
    from store.opening import Store
    from tui.output import remark

    with logging_to(places):
        store = Store.open(places.data)
        try:
            for notice in store.notices:
                remark(f"butler: {notice}")
            yield store
        finally:
            store.close()
