"""A rehearsal: the whole house on this machine, with limits and failures on a script.

The embedded model plays every tier over a port of the loopback: `service` stands between it and
the real SDKs and adds what `conditions` say, `configuration` is the house it all happens in, and
`script` holds the prompts that lead through it. Everything the program does with that is what it
always does; only the service is a pretended one.
"""

from router.rehearsal.configuration import REQUESTS, WINDOW, configuration
from router.rehearsal.script import Player, Step, perform
from router.rehearsal.staging import Rehearsal, sheltered, staged

__all__ = [
    "REQUESTS",
    "WINDOW",
    "Player",
    "Rehearsal",
    "Step",
    "configuration",
    "perform",
    "sheltered",
    "staged",
]
