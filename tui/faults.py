"""What a command says when it fails: one sentence and an exit code, never a traceback."""

import os
import sys

import click

from router.keys import KeysError, redact
from router.loading import ConfigError
from router.places import Places, PlacesError
from tui.exits import CommandFailed, Exit
from tui.output import ReaderGone, remark


def report(error: BaseException) -> int:
    """Tell the user why a command ended, on the standard error; its exit code."""
    error = _innermost(error)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else Exit.FAILED
    if isinstance(error, click.Abort):
        return Exit.INTERRUPTED
    if isinstance(error, ReaderGone):
        _let_go_of_stdout()
        return Exit.DONE
    if isinstance(error, click.ClickException):
        return _from_click(error)
    code = _expected(error)
    if code is None:
        remark(_crashed(error))
        return Exit.FAILED
    for line in redact(str(error)).splitlines():
        remark(f"butler: {line}")
    return code


def _let_go_of_stdout() -> None:
    """Keep the interpreter from flushing into the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _innermost(error: BaseException) -> BaseException:
    """The one error in a task group's wrappings; more than one stay as they are."""
    inside: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return _innermost(inside[0]) if len(inside) == 1 else error


def _from_click(error: click.ClickException) -> int:
    remark(f"butler: {error.format_message()}")
    ctx = getattr(error, "ctx", None)
    if isinstance(ctx, click.Context):
        remark(f"Help: {ctx.command_path} --help")
    return Exit.WRONG_USE if isinstance(error, click.UsageError) else Exit.FAILED


def _expected(error: BaseException) -> Exit | None:
    """The exit code of an error that is no fault of Butler's; `None` for one that is."""
    from router.asking import EngineError
    from router.policy import Refusal
    from router.providers.base import BadKey, Failure
    from router.setup import SetupError
    from store.errors import SessionAmbiguous, SessionNotFound, StoreError
    from tui.attachments import UnreadableFile

    match error:
        case CommandFailed():
            return error.code
        case ConfigError() | SessionNotFound() | SessionAmbiguous() | UnreadableFile():
            return Exit.WRONG_USE
        case Refusal():
            return Exit.DECLINED
        case BadKey():
            return Exit.FAILED
        case Failure():
            return Exit.NO_TIER
        case StoreError() | EngineError() | KeysError() | PlacesError() | SetupError():
            return Exit.FAILED
        case _:
            return None


def _crashed(error: BaseException) -> str:
    from tui.log import record_crash

    log = record_crash(Places.find(os.environ), error)
    where = f"the details are in {log}" if log else "and its log can't be written"
    kind = type(error).__name__
    return f"butler: something in Butler itself went wrong ({kind}); {where}. Please report it."
