"""What routes ask of the process that they run in: is it ready, what is counted. Knows nothing of answers."""

import asyncio

from fastapi import Request

from service.catalogue import Catalogue, Version
from service.deployment import Deployment
from service.drift.reader import Found, Reader
from service.errors import NotReadyError
from service.gate.readiness import Readiness
from service.metrics.declared import FLUSH_S
from service.metrics.scrape import TolerantCollector


def readiness(request: Request) -> Readiness:
    """Return what this process knows of its workers."""
    found: Readiness = request.state.readiness
    return found


def catalogue(request: Request) -> Catalogue:
    """Return what this process answers by."""
    found: Catalogue = request.state.catalogue
    return found


def named(request: Request, model: str, version: str | None = None) -> Version:
    """Return the version that a path names. Raises NoSuchModelError."""
    return catalogue(request).find(model, version)


async def check_ready(request: Request) -> None:
    """Raise NotReadyError, with the reason, when this process should get no new requests."""
    reason = await readiness(request).unready()
    if reason is not None:
        raise NotReadyError(reason)


async def check_workers(request: Request) -> None:
    """Raise NotReadyError, with the reason, when no worker answers this process."""
    reason = await readiness(request).no_worker()
    if reason is not None:
        raise NotReadyError(reason)


async def settle(request: Request) -> None:
    """Have all processes count what they answered so far; one that stands still is not waited for."""
    await asyncio.gather(request.state.flush_all(FLUSH_S), readiness(request).counted(FLUSH_S))


async def scrape(request: Request, deployment: Deployment) -> TolerantCollector:
    """Return what all processes counted of everything that was answered before."""
    await settle(request)
    return TolerantCollector(
        deployment.metrics_dir,
        deployment.http_slots,
        catalogue(request).current(),
        readiness(request).greeting,
        catalogue(request).is_over,
        deployment.id,
    )


def watched(request: Request) -> list[Found]:
    """Return what the workers counted for drift, of the versions that are not over."""
    reader: Reader = request.state.drift
    is_over = catalogue(request).is_over
    return [each for each in reader.versions() if not is_over(each.layout.model, each.layout.version)]
