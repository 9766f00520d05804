"""The data plane of one HTTP process: codec, batcher, links and metrics, put together when it starts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from service import logs
from service.batcher import Batcher
from service.codec import PredictCodec
from service.edge import Edge, Route
from service.link import Link
from service.metrics import Metrics, open_files
from service.oip import InferCodec, add_infer_routes
from service.origins import Hosts
from service.worker import die_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.deployment import Deployment


@contextlib.asynccontextmanager
async def open_plane(deployment: Deployment, slot: int) -> AsyncIterator[Edge]:
    """Run the data plane of HTTP process `slot` while the context is open."""
    die_with(deployment.main_pid)
    settings, manifest = deployment.settings, deployment.artifact.manifest
    open_files(deployment.metrics_dir, f"api-{slot}")
    batcher = Batcher(settings, deployment.artifact.digest, len(manifest.classes), len(manifest.inputs))
    metrics = Metrics(CollectorRegistry(), manifest, batcher.pending, settings.max_pending)
    batcher.metrics = metrics
    logs.configure(settings, metrics.log_dropped.inc)
    codec = PredictCodec(manifest, settings.max_rows, metrics.labels)
    hosts = Hosts(settings, deployment.address, guarded=deployment.keys.ask_to_predict)
    edge = Edge(settings, deployment.keys, hosts, batcher, metrics, deployment.draining)
    edge.add_route(b"/predict", Route("/predict", codec.decode))
    add_infer_routes(edge, manifest, InferCodec(manifest, settings.max_rows, metrics.labels))

    def greeted(worker: int, greeting: dict[str, Any]) -> None:
        deployment.mark_greeted(worker)
        edge.greeting = greeting
        metrics.serving(deployment.artifact.digest, greeting["device"], greeting["torch"])

    batcher.links = [
        Link(
            path,
            batcher,
            settings.timeout_s,
            functools.partial(greeted, worker),
            functools.partial(deployment.mark_stuck, worker),
        )
        for worker, path in enumerate(deployment.worker_sockets)
    ]
    tasks = [asyncio.create_task(link.keep_connected()) for link in batcher.links]
    try:
        yield edge
    finally:
        for task in tasks:
            task.cancel()
        metrics.flush()
