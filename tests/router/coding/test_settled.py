"""The settlements a view holds."""

from router.settled import Settled
from store.events import ChangeSettled


def test_it_holds_the_last_of_each_path_and_never_changes() -> None:
    a, b = (ChangeSettled(path=path, settlement="applied") for path in "ab")
    conflict = ChangeSettled(path="a", settlement="conflict")
    one = Settled().grown(conflict)
    left, right = one.grown(a), one.grown(b)
    assert dict(one) == {"a": conflict}
    assert dict(left) == {"a": a}
    assert dict(right) == {"a": conflict, "b": b}
    assert left.grown(b) == {"a": a, "b": b}


def test_it_grows_without_copying_what_it_holds() -> None:
    settled = first = Settled()
    for number in range(5_000):
        settled = settled.grown(ChangeSettled(path=str(number), settlement="applied"))
    assert len(settled) == 5_000
    assert settled["4999"].settlement == "applied"
    assert not first
