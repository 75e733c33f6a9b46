"""The specialist's tools as models are offered them: names, arguments, schemas."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from router.providers.base import Tool

_Line = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class _Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class ListFiles(_Arguments, frozen=True):
    path: str = "."
    depth: Annotated[int, Meta(ge=1, le=20)] = 2


class SearchFiles(_Arguments, frozen=True):
    pattern: Annotated[str, Meta(min_length=1, max_length=1000)]
    path: str = "."
    glob: str = ""
    case_sensitive: bool = False


class ReadFile(_Arguments, frozen=True):
    path: str
    start: _Line = 1
    lines: Annotated[int, Meta(ge=1, le=2000)] = 400


class WriteFile(_Arguments, frozen=True):
    path: str
    content: str


class EditFile(_Arguments, frozen=True):
    path: str
    old: str
    new: str
    all: bool = False


class ApplyPatch(_Arguments, frozen=True):
    patch: str


class RunCommand(_Arguments, frozen=True):
    command: str


class AskUser(_Arguments, frozen=True):
    question: str
    options: tuple[str, ...] = ()


Arguments = (
    ListFiles | SearchFiles | ReadFile | WriteFile | EditFile | ApplyPatch | RunCommand | AskUser
)

STRUCTS: Final[Mapping[str, type[Arguments]]] = {
    "list_files": ListFiles,
    "search_files": SearchFiles,
    "read_file": ReadFile,
    "write_file": WriteFile,
    "edit_file": EditFile,
    "apply_patch": ApplyPatch,
    "run_command": RunCommand,
    "ask_user": AskUser,
}
TOOL_NAMES: Final = tuple(STRUCTS)
READING: Final = frozenset({"list_files", "search_files", "read_file"})


def _schema(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_STRING: Final = {"type": "string"}
_PATH: Final = {"type": "string", "description": "Relative to the workspace, with /"}

TOOLS: Final = (
    Tool(
        "list_files",
        "List files and folders with sizes; git-ignored ones are left out.",
        _schema((), path=_PATH, depth={"type": "integer", "minimum": 1, "maximum": 20}),
    ),
    Tool(
        "search_files",
        "Find lines that match a regular expression, at most 100. Ignores case unless "
        "case_sensitive; leaves out git-ignored files.",
        _schema(
            ("pattern",),
            pattern=_STRING,
            path=_PATH,
            glob={**_STRING, "description": "Such as *.py or src/**/*.ts"},
            case_sensitive={"type": "boolean"},
        ),
    ),
    Tool(
        "read_file",
        "Read a text file: numbered lines from start (1) on, 400 unless lines says otherwise. The "
        "number and tab before each line are not part of the file.",
        _schema(
            ("path",),
            path=_PATH,
            start={"type": "integer", "minimum": 1},
            lines={"type": "integer", "minimum": 1, "maximum": 2000},
        ),
    ),
    Tool(
        "write_file",
        "Create a text file or replace all of it; folders are made. To change a part use "
        "edit_file.",
        _schema(("path", "content"), path=_PATH, content=_STRING),
    ),
    Tool(
        "edit_file",
        "Replace text in a file. old must match exactly, blanks included, and be there once, "
        "unless all is true.",
        _schema(
            ("path", "old", "new"), path=_PATH, old=_STRING, new=_STRING, all={"type": "boolean"}
        ),
    ),
    Tool(
        "apply_patch",
        "Apply a unified diff (--- a/path, +++ b/path, @@ hunks with context) to one or more "
        "files, all or nothing. /dev/null creates or deletes; to delete, hunks may be left out.",
        _schema(("patch",), patch=_STRING),
    ),
    Tool(
        "run_command",
        "Run a command with /bin/sh -c in the workspace's folder. The user sees it and may reject "
        "it: one small thing at a time; chains and redirections are asked about every time. No "
        "terminal, empty standard input, no secrets in the environment, usually no network. Gives "
        "the exit code and the first and last 8 kB of the output. Nothing goes on in the "
        "background. For tests and builds; use the file tools to look at files and change them.",
        _schema(("command",), command=_STRING),
    ),
    Tool(
        "ask_user",
        "Ask the user what only they can decide, and wait. options: up to 9 short answers to "
        "choose from; they may always answer freely.",
        _schema(
            ("question",),
            question=_STRING,
            options={"type": "array", "items": _STRING, "maxItems": 9},
        ),
    ),
)


class BadArguments(Exception):  # noqa: N818  (told to a model, which can mend it)
    """Arguments that don't fit. The message names the one and says what is allowed."""


def arguments(name: str, text: str) -> Arguments:
    """What a call asks for. Raises `BadArguments`."""
    struct = STRUCTS[name]
    try:
        return msgspec.json.decode(text or "{}", type=struct)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        fields = ", ".join(_field(field) for field in msgspec.structs.fields(struct))
        raise BadArguments(f"{name}: {error}. It takes {fields}.") from error


def _field(field: msgspec.structs.FieldInfo) -> str:
    return field.name if field.required else f"{field.name} (optional)"
