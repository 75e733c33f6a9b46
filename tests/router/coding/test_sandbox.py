"""What a command can reach, proved by commands that try."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.coding.running import Ran, run
from router.coding.sandbox import Sandbox

BWRAP = shutil.which("bwrap")


def _environ(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), **more}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that isn't hidden for being a temporary one: then these would prove nothing."""
    cache = request.config.cache
    assert cache is not None
    folder = cache.mkdir("sandbox")
    if Path("/tmp") in folder.resolve().parents:  # a clone there
        folder = Path.home()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        yield Path(place)


@pytest.fixture
def home(place: Path) -> Path:
    home = place / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text("PRIVATE")
    (home / ".netrc").write_text("password hunter2")
    (home / ".config" / "gh").mkdir(parents=True)
    (home / ".config" / "gh" / "hosts.yml").write_text("oauth_token: abc")
    (home / ".config" / "git").mkdir()
    (home / ".config" / "git" / "config").write_text("[user]\nname = Ada\nemail = a@b\n")
    (home / ".cargo" / "bin").mkdir(parents=True)
    (home / ".cargo" / "bin" / "tool").write_text("toolchain\n")
    return home


@pytest.fixture
def root(place: Path) -> Path:
    root = place / "data" / "workspaces" / "one"
    root.mkdir(parents=True)
    return root


async def _in(sandbox: Sandbox, command: str, root: Path, *folders: Path) -> Ran:
    argv = await asyncio.to_thread(sandbox.argv, command, root, folders)
    return await run(argv, folder=root, environ=sandbox.environment(), limit=20)


async def _boxed(environ: dict[str, str]) -> Sandbox:
    sandbox = await Sandbox.find(environ)
    if not sandbox.program:
        pytest.skip(f"bubblewrap is needed: {sandbox.reason}")
    return sandbox


# --- in bubblewrap -------------------------------------------------------------------------------


async def test_the_network_is_not_there_not_even_this_machines_own(home: Path, root: Path) -> None:
    sandbox = await _boxed(_environ(home))
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"bash -c 'echo > /dev/tcp/127.0.0.1/{port}'"
        bare = await _in(Sandbox(_environ(home)), connect, root)
        boxed = await _in(sandbox, connect, root)
    assert bare.code == 0
    assert boxed.code != 0


async def test_the_sockets_of_services_are_not_there(home: Path, root: Path) -> None:
    sandbox = await _boxed(_environ(home))
    assert (await _in(sandbox, "find /run /tmp -type s", root)).output == ""


async def test_only_the_workspace_can_be_written(home: Path, root: Path, place: Path) -> None:
    sandbox = await _boxed(_environ(home))
    outside = place / "mine.txt"
    outside.write_text("mine")
    ran = await _in(
        sandbox,
        "mount -o remount,bind,rw /; umount -l /etc; "
        f"echo in > inside.txt; echo x > {outside}; echo x > {home}/new; echo x > /etc/butler-was"
        f"; rm -rf {home}/.ssh; echo t > $TMPDIR/t && cat $TMPDIR/t",
        root,
    )
    assert (root / "inside.txt").read_text() == "in\n"
    assert outside.read_text() == "mine"
    assert not (home / "new").exists()
    assert not Path("/etc/butler-was").exists()
    assert (home / ".ssh" / "id_ed25519").exists()
    assert ran.output.endswith("t\n")


@pytest.mark.parametrize("secret", [".ssh/id_ed25519", ".netrc", ".config/gh/hosts.yml"])
async def test_secrets_cannot_be_read(home: Path, root: Path, secret: str) -> None:
    sandbox = await _boxed(_environ(home))
    kept = (home / secret).read_text()
    ran = await _in(sandbox, f"cat {home}/{secret}; ls -la {home}/.ssh", root)
    assert kept not in ran.output


async def test_a_secret_behind_a_link_cannot_be_read_where_it_really_is(
    home: Path, root: Path
) -> None:
    real = home / "dotfiles" / "npmrc"
    real.parent.mkdir()
    real.write_text("_authToken=t0ken")
    (home / ".npmrc").symlink_to(real)
    sandbox = await _boxed(_environ(home))
    assert "t0ken" not in (await _in(sandbox, f"cat {real} {home}/.npmrc", root)).output


async def test_a_secret_that_a_variable_puts_elsewhere_cannot_be_read(
    home: Path, root: Path
) -> None:
    (home / "cluster").write_text("token: k8s")
    sandbox = await _boxed(_environ(home, KUBECONFIG=str(home / "cluster"), HISTFILE="/dev/null"))
    ran = await _in(sandbox, f"cat {home}/cluster; echo gone > /dev/null && echo fine", root)
    assert ran.output == "fine\n"


async def test_butlers_places_and_other_workspaces_are_hidden(
    home: Path, root: Path, place: Path
) -> None:
    other = root.parent / "other"
    other.mkdir()
    (other / "theirs").write_text("not yours")
    (place / "data" / "butler.db").write_text("journal")
    (root / "mine").write_text("mine")
    sandbox = await _boxed(_environ(home))
    ran = await _in(
        sandbox, f"cat mine {other}/theirs {place}/data/butler.db", root, place / "data"
    )
    assert "mine" in ran.output
    assert "not yours" not in ran.output
    assert "journal" not in ran.output


async def test_toolchains_and_gits_own_settings_stay_readable(home: Path, root: Path) -> None:
    sandbox = await _boxed(_environ(home, CARGO_HOME=str(home / ".cargo")))
    (home / ".cache" / "pip").mkdir(parents=True)
    ran = await _in(
        sandbox,
        "cat ~/.cargo/bin/tool; git config user.name; ls ~/.cache; touch ~/.cache/x && echo yes",
        root,
    )
    assert ran.output.split() == ["toolchain", "Ada", "yes"]
    assert not (home / ".cache" / "x").exists()


async def test_a_home_that_is_the_workspace_keeps_its_secrets_hidden(home: Path) -> None:
    sandbox = await _boxed(_environ(home))
    ran = await _in(sandbox, "cat .ssh/id_ed25519 .netrc; echo x > new && cat new", home)
    assert "PRIVATE" not in ran.output
    assert "hunter2" not in ran.output
    assert (home / "new").read_text() == "x\n"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(params=["source", "data/hidden"])
def source(request: pytest.FixtureRequest, place: Path) -> Path:
    """A repository of the user's, or one of Butler's own in what is hidden."""
    return place / str(request.param)


@pytest.fixture
def worktree(source: Path, root: Path) -> Path:
    source.mkdir()
    _git(source, "init", "-q", "-b", "main")
    (source / "a.txt").write_text("one\n")
    _git(source, "add", ".")
    _git(source, "commit", "-qm", "first")
    _git(source, "worktree", "add", "-q", "-b", "butler", str(root / "work"))
    return root / "work"


async def test_git_looks_in_a_worktree_and_changes_nothing_of_the_users(
    home: Path, worktree: Path, place: Path, source: Path
) -> None:
    sandbox = await _boxed(_environ(home))
    (worktree / "a.txt").write_text("two\n")
    look = "git status --short && git log --oneline && git diff"
    looked = await _in(sandbox, look, worktree, place / "data")
    assert looked.code == 0
    assert " M a.txt" in looked.output
    assert "+two" in looked.output
    git = source / ".git"
    changed = await _in(
        sandbox,
        f"git commit -qam x; git config core.pager evil; echo '#!/bin/sh' > {git}/hooks/pre-commit"
        "; rm .git; echo gitdir: /elsewhere > .git",
        worktree,
    )
    assert changed.code != 0
    assert _git(source, "log", "--oneline", "--all").count("\n") == 1
    assert "evil" not in (git / "config").read_text()
    assert not (git / "hooks" / "pre-commit").exists()
    assert (worktree / ".git").read_text().startswith(f"gitdir: {git}")


async def test_a_git_file_that_points_at_a_secret_uncovers_nothing(home: Path, root: Path) -> None:
    (home / ".ssh" / "HEAD").write_text("ref: x")
    (root / ".git").write_text(f"gitdir: {home}/.ssh\n")
    sandbox = await _boxed(_environ(home))
    assert "PRIVATE" not in (await _in(sandbox, f"cat {home}/.ssh/id_ed25519", root)).output
    (home / "HEAD").write_text("ref: x")
    (root / ".git").write_text(f"gitdir: {home}\n")
    assert "PRIVATE" not in (await _in(sandbox, f"cat {home}/.ssh/id_ed25519", root)).output


async def test_other_processes_are_not_seen(home: Path, root: Path) -> None:
    sandbox = await _boxed(_environ(home))
    ran = await _in(sandbox, f"test -e /proc/{os.getpid()}/environ && echo seen; ls /proc", root)
    numbers = [line for line in ran.output.split() if line.isdecimal()]
    assert "seen" not in ran.output
    assert len(numbers) < 6


# --- with and without ----------------------------------------------------------------------------


async def test_it_says_which_it_is(home: Path, tmp_path: Path) -> None:
    bare = await Sandbox.find({"PATH": str(tmp_path), "HOME": str(home)})
    assert bare.describe() == (
        "NOT sandboxed (no bubblewrap here): it can read your files and use the network"
    )
    broken = tmp_path / "bin" / "bwrap"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho setting up uid map: Permission denied >&2\nexit 1\n")
    broken.chmod(0o755)
    found = await Sandbox.find({"PATH": str(broken.parent), "HOME": str(home)})
    assert found.describe().startswith("NOT sandboxed (bubblewrap is here, but may not run)")
    if BWRAP:
        boxed = await _boxed(_environ(home))
        assert boxed.describe() == "in bubblewrap: no network, writes only in the workspace"


@pytest.mark.parametrize("boxed", [True, False])
async def test_the_environment_holds_no_secret(home: Path, root: Path, boxed: bool) -> None:
    secrets = {
        "ANTHROPIC_API_KEY": "sk-ant-api03-secret",
        "AWS_SECRET_ACCESS_KEY": "secret-of-aws",
        "DATABASE_URL": "postgres://u:secret@db",
        "LC_SNEAKY": "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
        "SSH_AUTH_SOCK": "/secret/agent",
    }
    environ = _environ(home, LANG="C.UTF-8", LC_TIME="C", **secrets)
    sandbox = await _boxed(environ) if boxed else Sandbox(environ)
    ran = await _in(sandbox, "env", root)
    assert ran.code == 0
    for name, value in secrets.items():
        assert name not in ran.output
        assert value not in ran.output
    for line in ("LC_TIME=C", "NO_COLOR=1", "TERM=dumb", "GIT_TERMINAL_PROMPT=0", f"HOME={home}"):
        assert line in ran.output.splitlines()


def test_a_program_is_never_looked_for_in_the_workspace(home: Path) -> None:
    path = os.pathsep.join(["", ".", "bin", "/usr/bin"])
    assert Sandbox({"PATH": path, "HOME": str(home)}).environment()["PATH"] == "/usr/bin"
