"""The page of the API, from memory."""

import asyncio
import shutil
from importlib import resources
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.app.page import ASSETS, PAGE, add_page

PATHS = ["/", "/docs", *(f"/docs/{name}" for _, name, _ in ASSETS)]


def ask_all(app: FastAPI) -> list[httpx.Response]:
    """Return the answers of all paths."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return [await client.get(path) for path in PATHS]

    return asyncio.run(ask())


def test_the_page_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its files are gone, as during an upgrade of the package, it answers as before."""
    for package, name, _ in (PAGE, *ASSETS):
        (tmp_path / package).mkdir(exist_ok=True)
        with resources.as_file(resources.files(package) / name) as path:
            shutil.copy(path, tmp_path / package)
    app = FastAPI()
    app.router.routes.clear()  # its own /docs
    with monkeypatch.context() as patch:
        patch.setattr(resources, "files", lambda package: tmp_path / package)
        add_page(app)
        before = [(answer.status_code, answer.content) for answer in ask_all(app)]
        shutil.rmtree(tmp_path)
        with pytest.raises(OSError, match="No such file"):
            add_page(FastAPI())
        assert [(answer.status_code, answer.content) for answer in ask_all(app)] == before
    assert {status for status, _ in before} == {200}
