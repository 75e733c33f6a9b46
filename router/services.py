"""What the parts of the engine share."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from router.catalogue import Catalogue
from router.clock import now_ms
from router.config import Config
from router.connections import Connections
from router.dispatch import Dispatcher
from router.keeper import Keeper
from router.places import Places
from router.policy import Ask, candidates
from router.policy_table import Policy
from store.events import AnyEvent, Candidate
from store.opening import Store

if TYPE_CHECKING:
    from router.coding.sandbox import Sandbox
    from store.ticket import Ticket


class Services:
    """One bundle for each configuration in force."""

    def __init__(
        self,
        config: Config,
        store: Store,
        policy: Policy,
        keeper: Keeper,
        connections: Connections,
        catalogue: Catalogue,
        workspace: Path,
        places: Places,
        environ: Mapping[str, str],
    ) -> None:
        self.config = config
        self.store = store
        self.policy = policy
        self.keeper = keeper
        self.connections = connections
        self.catalogue = catalogue
        self.workspace = workspace
        self.places = places
        self.environ = environ
        self.sandbox: Sandbox | None = None
        """Found when the first command is to run."""
        self.dispatcher = Dispatcher(config, store, keeper, connections, catalogue)
        self.ready = asyncio.Event()
        """Set once keys, prices and the local tier are known."""

    def adopt(self, config: Config) -> None:
        """Go on with the same configuration and the local tier that was found."""
        self.config = config
        self.dispatcher.config = config
        self.keeper.config = config
        self.connections.adopt(config)
        self.catalogue.adopt(config)

    def say(self, session: str, *events: AnyEvent) -> "Ticket[tuple[int, ...]]":
        return self.store.journal.append(session, *events, at=now_ms())

    def candidates(self, ask: Ask) -> tuple[Candidate, ...]:
        """What the policy says now.

        Raises:
            Refusal: a pin that can't be obeyed.
        """
        return candidates(self.policy, self.config, ask, self.keeper.facts())
