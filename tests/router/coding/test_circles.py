"""Loops are told to the model, then ended."""

from router.coding.circles import Circles
from router.providers.base import ToolCallPart, ToolResultPart


def see(circles: Circles, arguments: str = '{"path": "a"}', *, failed: bool = False) -> None:
    call = ToolCallPart("c", "read_file", arguments)
    circles.saw(call, ToolResultPart("c", "read_file", "text", failed))


def test_many_equal_calls_at_once_are_one_warning() -> None:
    circles = Circles()
    for _ in range(10):
        see(circles)
    assert not circles.closed
    assert "10 times" in circles.warning()
    assert circles.warning() == ""
    assert not circles.closed
    see(circles)
    assert circles.closed


def test_other_blanks_and_another_order_are_the_same_call() -> None:
    circles = Circles()
    for arguments in ('{"a":1,"b":2}', '{ "b": 2, "a": 1 }', '{"a": 1, "b": 2}'):
        see(circles, arguments)
    assert circles.warning()


def test_a_success_breaks_a_row_of_failures() -> None:
    circles = Circles()
    for number in range(20):
        see(circles, f'{{"path": "{number}"}}', failed=number % 5 != 4)
        assert not circles.warning()
    assert not circles.closed
