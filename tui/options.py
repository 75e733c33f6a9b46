"""What the command line hands to the screen."""

from pathlib import Path

import msgspec

from router.config import Config
from router.places import Places
from store.events import Tier


class Options(msgspec.Struct, frozen=True, kw_only=True):
    places: Places
    config: Config
    mistakes: tuple[str, ...] = ()
    """What is wrong with the configuration or the keys' file, a sentence each: to be shown."""
    workspace: Path
    session: str | None = None
    """Open this one, by its id."""
    resume_last: bool = False
    """Open the latest chat of this workspace, if there is one."""
    tier: Tier | None = None
    """Pins every prompt of the chat that is opened."""
    model: str | None = None
    """`account/model`, or the model's name alone."""
    private: bool = False
    """Every prompt of the chat that is opened stays on this machine."""
    theme: str
    mouse: bool
