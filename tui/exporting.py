"""/export: the chat as Markdown (or JSON, by the file's ending) in a file of the workspace."""

import re
from pathlib import Path

from router.exporting import export
from store.opening import Store


def export_to_file(store: Store, session: str, title: str, folder: Path, name: str) -> Path:
    """Write the whole session; where it is now. Blocks: call it in a thread.

    Raises:
        OSError: the file is there already, or can't be written.
    """
    stem = re.sub(r"[^\w]+", "-", title.lower()).strip("-")[:40] or "chat"
    path = folder / (Path(name).expanduser() if name else f"{stem}-{session[:6]}.md")
    kind = "json" if path.suffix == ".json" else "md"
    with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
        for piece in export(store, session, kind):
            _ = file.write(piece)
    return path
