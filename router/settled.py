"""What became of changed files, by path: a mapping that grows without being copied."""

from collections.abc import Iterator, Mapping
from typing import final

from store.events import ChangeSettled


@final
class Settled(Mapping[str, ChangeSettled]):
    """Immutable. Each one shares the events of the one it grew from, and is looked up in only when
    somebody does: thousands of files are settled at once, and then one of them is drawn."""

    def __init__(self) -> None:
        self._events = list[ChangeSettled]()
        self._count = 0
        self._found: dict[str, ChangeSettled] | None = None

    def grown(self, event: ChangeSettled) -> "Settled":
        more = Settled()
        # Another may have grown from this one before: then the events behind are that one's.
        last = len(self._events) == self._count
        more._events = self._events if last else self._events[: self._count]
        more._events.append(event)
        more._count = self._count + 1
        return more

    def _by_path(self) -> dict[str, ChangeSettled]:
        if self._found is None:
            self._found = {event.path: event for event in self._events[: self._count]}
        return self._found

    def __getitem__(self, path: str) -> ChangeSettled:
        return self._by_path()[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_path())

    def __len__(self) -> int:
        return len(self._by_path())
