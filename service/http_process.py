"""One HTTP process, put together when it starts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from service import logs
from service.gate.access import POLICY
from service.gate.accounting import Accounting
from service.gate.admission import Admission
from service.gate.origins import Cors, Hosts
from service.gate.readiness import Readiness
from service.http.direct import Route, Routes
from service.http.edge import Edge, most_connections
from service.http.sweep import Sweep
from service.lifetime import die_with
from service.metrics.declared import Metrics, open_files
from service.oip.codec import InferCodec, unknown
from service.paths import INFER, INFER_VERSION, PREDICT
from service.plane.batch import Job, Model
from service.plane.batcher import Batcher
from service.plane.link import Link
from service.predict.codec import PredictCodec

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator

    from service.deployment import Deployment


@contextlib.asynccontextmanager
async def open_process(deployment: Deployment, slot: int) -> AsyncIterator[dict[str, Any]]:
    """Run HTTP process `slot` while the context is open; yield what the app's requests see of it.

    That is the `edge`, the `readiness`, and `flush`, which brings what was counted to the metric files.
    """
    die_with(deployment.main_pid)
    settings, artifact = deployment.settings, deployment.artifact
    manifest = artifact.manifest
    open_files(deployment.metrics_dir, deployment.http_slots[slot])
    pending: dict[Job, None] = {}
    metrics = Metrics(CollectorRegistry(), manifest, pending.__len__, settings.max_pending)
    logs.configure(settings, metrics.log_dropped.inc)

    def greeted(worker: int, greeting: dict[str, Any]) -> None:
        deployment.flags.mark_greeted(worker)
        metrics.serving(artifact.digest, greeting["device"], greeting["torch"])

    links = [
        Link(
            path,
            settings.timeout_s,
            functools.partial(greeted, worker),
            functools.partial(deployment.flags.mark_stuck, worker),
        )
        for worker, path in enumerate(deployment.worker_sockets)
    ]
    model = Model(bytes.fromhex(artifact.digest), len(manifest.classes), len(manifest.inputs))
    batcher = Batcher(settings, model, links, pending, metrics)
    accounting = Accounting(settings, metrics)
    edge = Edge(
        hosts=Hosts(settings, deployment.address, guarded=deployment.keys.ask_to_predict),
        cors=Cors(settings),
        keys=deployment.keys,
        admission=Admission(pending, settings.max_pending, batcher.expected_wait_s, accounting),
        accounting=accounting,
        routes=_routes(deployment, metrics.label_counts, metrics.unseen_counts),
        batcher=batcher,
        sweep=Sweep(deployment.shares, slot),
        draining=deployment.flags.draining,
        timeout_s=settings.timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        max_body_bytes=settings.max_body_bytes,
        max_connections=most_connections(settings.max_connections),
    )
    tasks = [asyncio.create_task(link.keep_connected(batcher.dispatch)) for link in links]
    try:
        yield {"edge": edge, "readiness": Readiness(links, deployment.flags.draining), "flush": metrics.flush}
    finally:
        for task in tasks:
            task.cancel()
        metrics.flush()


def _routes(deployment: Deployment, label_counts: list[int], unseen_counts: Counter[str]) -> Routes:
    settings, manifest = deployment.settings, deployment.artifact.manifest
    limits = manifest, settings.max_rows, settings.max_body_bytes
    counts = label_counts, unseen_counts
    routes = Routes()
    routes.paths[PREDICT.encode()] = Route(PREDICT, POLICY[PREDICT], PredictCodec(*limits, *counts).decode)
    infer = InferCodec(*limits, *counts)
    for template in (INFER, INFER_VERSION):
        served = template.format(model=manifest.name, version=manifest.version)
        routes.paths[served.encode()] = Route(template, POLICY[template], infer.decode)
        others = re.compile(template.format(model="[^/]+", version="[^/]+").encode())
        routes.add_family(others, Route(template, POLICY[template], unknown))
    return routes
