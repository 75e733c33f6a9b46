"""The clock on the wall: where days, weeks and months begin."""

import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from router.config import Config

_RULES: Final = Path("/etc/localtime")


def zone_of(config: Config) -> tzinfo:
    """The zone in which days, weeks and months begin."""
    return _here() if config.time_zone == "local" else ZoneInfo(config.time_zone)


def _here() -> tzinfo:
    """This machine's zone. Where its rules can't be found, its present offset, which is an hour
    off on the other side of a change of clocks."""
    named = os.environ.get("TZ", "").removeprefix(":")
    try:
        if named:
            return ZoneInfo(named)
        with _RULES.open("rb") as rules:
            return ZoneInfo.from_file(rules, key="local")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        zone = datetime.now().astimezone().tzinfo
        assert zone is not None  # noqa: S101  (astimezone always sets one)
        return zone
