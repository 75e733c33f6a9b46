"""No path that a model writes leads out of the workspace."""

import os
import socket
import string
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.coding.confinement import PathProblem, held, is_git, open_file, resolve


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    (root / "src").mkdir(parents=True)
    (root / "src" / "main.py").write_text("inside")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("outside")
    return root


def read(root: Path, path: str) -> str:
    with held(root, path) as place, open_file(place, path) as file:
        return file.read().decode()


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "~root/x",
        "C:/Windows",
        "c:x",
        "..",
        "../outside/secret.txt",
        "src/../../outside/secret.txt",
        "src/../..",
        "new/../../outside",
        "src\\main.py",
        "a\0b",
        "a\nb",
        "a\x1b[2Jb",
        "a\u202eb",
        "a\ud800b",
        ".git",
        ".GIT/config",
        ".git./config",
        ".g\u200cit/hooks/pre-commit",
        "src/.git/config",
        "GIT~1/config",
        "x" * 300,
        "x/" * 100 + "y",
        "x/" * 3000,
    ],
)
def test_a_hostile_path_is_refused_with_a_plain_sentence(workspace: Path, path: str) -> None:
    with pytest.raises(PathProblem) as problem:
        resolve(workspace, path)
    said = str(problem.value)
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        (".", ""),
        ("src/main.py", "src/main.py"),
        ("./src//main.py", "src/main.py"),
        ("src/../src/main.py", "src/main.py"),
        ("not/yet/there.py", "not/yet/there.py"),
        (".gitignore", ".gitignore"),
        (".github/workflows", ".github/workflows"),
        ("größe/日本.txt", "größe/日本.txt"),
    ],
)
def test_a_plain_path_leads_where_it_says(workspace: Path, path: str, leads_to: str) -> None:
    assert resolve(workspace, path) == workspace / leads_to


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("../outside", "link/secret.txt"),
        ("../outside/secret.txt", "link"),
        ("{outside}/secret.txt", "link"),
        ("{outside}", "link/new.txt"),
        ("src/../../outside", "link/secret.txt"),
        ("missing/../../outside", "link/secret.txt"),
        (".git/config", "link"),
        ("link", "link"),
        ("link/x", "link"),
    ],
)
def test_a_link_that_leads_away_is_not_followed(workspace: Path, target: str, path: str) -> None:
    outside = workspace.parent / "outside"
    (workspace / "link").symlink_to(target.format(outside=outside))
    with pytest.raises(PathProblem):
        resolve(workspace, path)


@pytest.mark.parametrize("target", ["main.py", "../src/main.py", "{root}/src/main.py"])
def test_a_link_that_stays_inside_is_followed(workspace: Path, target: str) -> None:
    (workspace / "src" / "link.py").symlink_to(target.format(root=workspace))
    assert resolve(workspace, "src/link.py") == workspace / "src/main.py"
    assert read(workspace, "src/link.py") == "inside"


def test_a_path_up_from_a_linked_folder_is_that_of_its_target(workspace: Path) -> None:
    (workspace / "deep" / "er").mkdir(parents=True)
    (workspace / "link").symlink_to("deep/er")
    assert resolve(workspace, "link/../x") == workspace / "deep" / "x"


def test_a_pipe_a_socket_and_a_folder_are_refused_at_once(workspace: Path) -> None:
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(workspace)  # the name of a socket may not be long
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        for path in ("pipe", "socket", "src"):
            with pytest.raises(PathProblem):
                read(workspace, path)


def test_a_folder_swapped_for_a_link_gives_nothing_of_outside(workspace: Path) -> None:
    """A race: a process swaps `src` for a link to outside and back while it is read."""
    outside = workspace.parent / "outside"
    (outside / "main.py").write_text("outside")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            (workspace / "src").rename(workspace / "away")
            (workspace / "src").symlink_to(outside)
            (workspace / "src").unlink()
            (workspace / "away").rename(workspace / "src")

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen: set[str] = set()
    try:
        for _ in range(1500):
            try:
                seen.add(read(workspace, "src/main.py"))
            except PathProblem:
                seen.add("refused")
    finally:
        over.set()
        swapping.join()
    assert "outside" not in seen
    assert "inside" in seen


_NAME = st.sampled_from(
    ["..", "..", ".", "a", "b", "in", "out", "up", "loop", ".git", "é", "\u202e", "~", ""]
) | st.text(alphabet=string.printable, max_size=4)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(_NAME, max_size=8), links=st.lists(_NAME, min_size=1, max_size=4))
def test_random_paths_and_links_never_leave(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], links: list[str]
) -> None:
    top = tmp_path_factory.mktemp("random")
    root = top / "workspace"
    (root / "a" / "b").mkdir(parents=True)
    (root / "out").symlink_to("../..")
    (root / "in").symlink_to("a/b")
    (root / "a" / "up").symlink_to("../..")
    (root / "loop").symlink_to("loop/a")
    target = "/".join(links)
    if target and "\0" not in target:
        (root / "b").symlink_to(target)
    try:
        found = resolve(root, "/".join(names))
    except PathProblem:
        return
    assert found.is_relative_to(root)
    assert Path(os.path.realpath(found)).is_relative_to(root)
    assert not any(is_git(name) for name in found.relative_to(root).parts)
