"""A workspace of a folder that is in no repository: a copy, or an empty folder."""

from pathlib import Path

import pytest

from router.coding import snapshots, workspace_opening
from tests.router.coding.repositories import User, everything_in


@pytest.fixture
def user(tmp_path: Path) -> User:
    user = User(tmp_path / "notes", tmp_path / "data" / "workspaces")
    user.folder.mkdir()
    user.has("todo.txt", "one\ntwo\n")
    user.has("sub/run.sh", "#!/bin/sh\n").chmod(0o755)
    user.has(".gitignore", "*.log\n")
    user.has("noise.log", "noise\n")
    return user


async def test_a_folder_is_copied_but_for_what_is_ignored(user: User) -> None:
    user.has("node_modules/lib/index.js", "code\n")
    before = everything_in(user.folder)
    workspace = await user.open()
    assert workspace.event.kind == "copy"
    assert (workspace.root / "todo.txt").read_text() == "one\ntwo\n"
    assert not (workspace.root / "noise.log").exists()
    assert (workspace.root / "node_modules").is_symlink()
    assert await workspace.changes() == {}
    assert everything_in(user.folder) == before


async def test_changes_of_a_copy_are_applied(user: User) -> None:
    user.has("list.txt", "1\n2\n3\n4\n5\n")
    workspace = await user.open()
    workspace.write("list.txt", "one\n2\n3\n4\n5\n")
    (workspace.root / "sub/run.sh").unlink()
    user.has("list.txt", "1\n2\n3\n4\nfive\n")
    settled = await workspace.apply()
    assert settled["list.txt"].settlement == "merged"
    assert user.read("list.txt") == "one\n2\n3\n4\nfive\n"
    assert settled["sub/run.sh"].settlement == "applied"
    assert not (user.folder / "sub").exists()
    assert not (user.folder / ".git").exists()


async def test_repositories_within_are_copied_as_files(user: User) -> None:
    inner = User(user.folder / "project", user.workspaces)
    inner.folder.mkdir()
    inner.git("init", "-q")
    inner.has("app.py", "x\n")
    inner.has(".gitignore", "secret\n")
    inner.has("secret", "x\n")
    inner.commit()
    inner.has("more.py", "x\n")
    workspace = await user.open()
    workspace.write("project/app.py", "y\n")
    assert not (workspace.root / "project/secret").exists()
    assert (workspace.root / "project/more.py").exists()
    assert list(await workspace.changes()) == ["project/app.py"]
    await workspace.apply()
    assert inner.read("app.py") == "y\n"


async def test_one_that_is_too_large_gives_an_empty_folder(user: User) -> None:
    user.has("large.txt", "x" * 1_000)
    workspace = await user.open(copy_limit=500)
    assert workspace.event.kind == "empty"
    assert [path.name for path in workspace.root.iterdir()] == [".git"]
    workspace.write("made.txt", "made\n")
    workspace.write("todo.txt", "made as well\n")
    assert {c.change for c in (await workspace.changes()).values()} == {"new"}
    settled = await workspace.apply()
    assert settled["made.txt"].settlement == "applied"
    assert settled["todo.txt"].settlement == "conflict"
    assert user.read("todo.txt") == "one\ntwo\n"
    assert user.read("made.txt") == "made\n"


async def test_what_is_ignored_does_not_count(user: User) -> None:
    user.has("large.log", "x" * 1_000)
    assert (await user.open(copy_limit=500)).event.kind == "copy"


async def test_a_folder_that_takes_too_long_to_list_is_not_copied(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LISTING_SECONDS", 0.0)
    assert (await user.open()).event.kind == "empty"


async def test_an_empty_folder_is_a_copy(tmp_path: Path) -> None:
    user = User(tmp_path / "empty", tmp_path / "data" / "workspaces")
    user.folder.mkdir()
    workspace = await user.open()
    assert workspace.event.kind == "copy"
    workspace.write("first.py", "x\n")
    await workspace.apply()
    assert user.read("first.py") == "x\n"


async def test_a_kept_copy_stays_where_it_is(user: User) -> None:
    workspace = await user.open()
    workspace.write("todo.txt", "kept\n")
    settled = await workspace.it.keep("Kept")
    assert (settled.path, settled.settlement) == ("", "kept")
    assert str(workspace.root) in settled.detail
    assert (workspace.root / "todo.txt").read_text() == "kept\n"
    inside = User(workspace.root, user.workspaces)
    assert inside.git("log", "-1", "--format=%s") == "Kept"
    assert inside.git("status", "--porcelain") == ""


async def test_a_closed_copy_is_gone(user: User) -> None:
    workspace = await user.open()
    await workspace.it.close()
    assert list(user.workspaces.iterdir()) == []
    assert user.read("todo.txt") == "one\ntwo\n"


async def test_butlers_own_data_is_not_copied(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUTLER_HOME", str(user.folder / "butler"))
    user.has("butler/data/butler.db", "conversations\n")
    user.has("butler/data/models/model.gguf", "weights\n")
    user.has("butler/keys.toml", "key = 'secret'\n")
    inside = User(user.folder, user.folder / "butler" / "data" / "workspaces")
    await inside.open()
    second = await inside.open("cccc2222dddd")
    assert set(everything_in(second.root)) == {".git", ".gitignore", "sub/run.sh", "todo.txt"}


async def test_one_with_too_many_files_gives_an_empty_folder(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace_opening, "MOST_FILES", 2)
    assert (await user.open()).event.kind == "empty"


async def test_a_repository_full_of_untracked_files_is_too_large_as_well(user: User) -> None:
    user.git("init", "-q")
    user.has("large.txt", "x" * 1_000)
    assert (await user.open(copy_limit=500)).event.kind == "empty"
    assert user.git("branch", "--list") == ""


async def test_a_folder_that_lies_ignored_in_a_repository_is_copied_by_itself(
    user: User,
) -> None:
    home = User(user.folder.parent, user.workspaces)
    home.git("init", "-q")
    home.has(".gitignore", "*\n")
    user.has(".gitignore", "*.log\n!*\n")
    workspace = await user.open()
    assert workspace.event.kind == "copy"
