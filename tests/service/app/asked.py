"""The app of some versions, asked in this process: no socket, no worker."""

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI

from models.artifact import Artifact
from service.app.routes import add_routes
from service.catalogue import Catalogue
from service.deployment import Deployment
from service.drift.reader import Reader
from service.feedback.secret import read_secret
from service.gate.accounting import Accounting
from service.gate.keys import Keys
from service.gate.origins import Cors
from service.settings import Settings
from tests.service.answering import answering

if TYPE_CHECKING:
    from service.feedback.labels import Labels


class Readiness:
    """Workers as a test says they are."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.greeting: dict[str, Any] = {}

    async def unready(self) -> str | None:
        return self.reason

    async def no_worker(self) -> str | None:
        return self.reason

    async def counted(self, _: float) -> None:
        """Count nothing."""


class Control:
    """Main, which answers as a test says."""

    def __init__(self) -> None:
        self.wishes: list[dict[str, Any]] = []
        self.refusal: str | None = None
        self.late = False

    async def ask(self, wish: dict[str, Any]) -> str | None:
        self.wishes.append(wish)
        if self.late:
            raise TimeoutError
        return self.refusal


class Asked:
    """An ASGI app with what its requests see of an HTTP process, and what was counted of them."""

    def __init__(self, app: Any, catalogue: Catalogue | None = None, **settings: Any) -> None:
        made = Settings.model_validate(settings)
        self.app = app
        self.counted: list[tuple[str, str, int]] = []
        self.readiness = Readiness()
        self.control = Control()
        self.drift = Reader(Path())
        self.catalogue = catalogue
        self.labels: Labels | None = None
        self.flushed = 0
        self.cancelled = 0
        metrics = SimpleNamespace(
            answered=lambda *answer: self.counted.append(answer[:3]), cancelled=self._cancel
        )
        self.edge = SimpleNamespace(
            accounting=Accounting(made, metrics),  # type: ignore[arg-type]
            cors=Cors(made),
            keys=Keys(made),
            sweep=SimpleNamespace(date=b"today"),
        )

    def _cancel(self) -> None:
        self.cancelled += 1

    async def _flush(self, _: float) -> None:
        self.flushed += 1

    async def _stateful(self, scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {
            "edge": self.edge,
            "readiness": self.readiness,
            "catalogue": self.catalogue,
            "control": self.control,
            "drift": self.drift,
            "labels": self.labels,
            "flush_all": self._flush,
        }
        await self.app(scope, receive, send)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to one request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._stateful)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.ask("GET", path, **more)


def serve(answers: Artifact | Catalogue, run_dir: Path, workers: int = 1, **settings: Any) -> Asked:
    """Return the app of a version, or of a catalogue of them, with these settings."""
    made, app = Settings.model_validate(settings), FastAPI()
    deployment = Deployment(made, Keys(made), "127.0.0.1", run_dir, workers, read_secret(made))
    with contextlib.closing(deployment):
        add_routes(app, deployment)
    catalogue = answering(answers) if isinstance(answers, Artifact) else answers
    return Asked(app, catalogue, **settings)
