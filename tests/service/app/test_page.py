"""The page of the service, from memory."""

import asyncio
import shutil
from importlib import resources
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app.page import add_page, read

PATHS = ["/", *(f"/ui/{name}" for name in read() if name != "index.html")]


def ask_all(app: FastAPI) -> list[httpx.Response]:
    """Return the answers of all paths."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return [await client.get(path) for path in PATHS]

    return asyncio.run(ask())


def test_the_page_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its files are gone, as during an upgrade of the package, it answers as before."""
    own = resources.files("service") / "ui"
    with resources.as_file(own) as folder:
        shutil.copytree(folder, tmp_path / "ui")
    app = FastAPI()
    app.router.routes.clear()  # its own /docs
    with monkeypatch.context() as patch:
        patch.setattr(resources, "files", lambda _: tmp_path)
        add_page(app)
        before = [(answer.status_code, answer.content) for answer in ask_all(app)]
        shutil.rmtree(tmp_path / "ui")
        with pytest.raises(FileNotFoundError):
            add_page(FastAPI())
        assert [(answer.status_code, answer.content) for answer in ask_all(app)] == before
    assert {status for status, _ in before} == {200}


def test_what_is_sent_has_no_comments() -> None:
    """They are for who reads the code."""
    for name, asset in read().items():
        assert b"/**" not in asset.content, name
        assert b"\n//" not in asset.content, name
        assert b"\n\t" not in asset.content, name
