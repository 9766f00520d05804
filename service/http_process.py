"""One HTTP process, put together when it starts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from service import logs
from service.capture import Capture
from service.catalogue import Catalogue
from service.drift.reader import Reader
from service.feedback.labels import Labels
from service.feedback.seen import Seen
from service.gate.access import POLICY
from service.gate.accounting import Accounting
from service.gate.admission import Admission
from service.gate.origins import Cors, Hosts
from service.gate.readiness import Readiness
from service.http.direct import Family, Route, Routes
from service.http.edge import Edge, most_connections
from service.http.sweep import Sweep
from service.library import staged, table
from service.library.control import Control
from service.lifetime import die_with
from service.metrics.declared import Metrics, open_files
from service.metrics.feedback import FeedbackMetrics
from service.metrics.ledger import Ledger
from service.paths import INFER, INFER_VERSION, MODEL_PREDICT, PREDICT, VERSION_PREDICT
from service.plane.batcher import Batcher
from service.plane.link import Link
from service.plane.places import Places
from service.run_directory import seen_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from service.deployment import Deployment


@contextlib.asynccontextmanager
async def open_process(deployment: Deployment, slot: int) -> AsyncIterator[dict[str, Any]]:
    """Run HTTP process `slot` while the context is open; yield what the app's requests see of it.

    That is the `edge`, `readiness`, `catalogue`, `control`, `drift`, `labels` where feedback is on, and
    `flush_all`, which brings what all HTTP processes counted to the metric files, within some seconds.
    """
    die_with(deployment.main_pid)
    settings = deployment.settings
    open_files(deployment.metrics_dir, deployment.http_slots[slot])
    places = Places(settings.max_pending)
    ledger = Ledger(deployment.metrics_dir, deployment.http_slots[slot])
    registry = CollectorRegistry()
    metrics = Metrics(registry, ledger, places.jobs.__len__, settings.max_pending)
    drift = Reader(deployment.metrics_dir)
    logs.configure(settings, metrics.log_dropped.inc)
    run_dir = deployment.run_dir
    labels = capture = None
    if deployment.feedback is not None:
        counted = FeedbackMetrics(registry, ledger)
        if settings.feedback_dir is not None:
            capture = Capture(settings.feedback_dir, deployment.http_slots[slot], counted.dropped)
        labels = Labels(deployment.feedback, Seen(seen_path(run_dir)), counted, capture)
    catalogue = Catalogue(
        settings,
        functools.partial(table.read, run_dir),
        functools.partial(staged.load, run_dir),
        deployment.committed,
        places,
        metrics,
        drift,
        labels,
    )

    def lacking() -> str | None:
        if not catalogue.serves():
            return "the default model is not loaded"
        return None if deployment.flags.settled() else "the models of the store are still being tried"

    links = [
        Link(
            path,
            settings.timeout_s,
            functools.partial(deployment.flags.mark_greeted, worker),
            functools.partial(deployment.flags.mark_stuck, worker),
        )
        for worker, path in enumerate(deployment.worker_sockets)
    ]
    batcher = Batcher(settings, links, places, metrics)
    accounting = Accounting(settings, metrics)
    edge = Edge(
        hosts=Hosts(settings, deployment.address, guarded=deployment.keys.ask_to_predict),
        cors=Cors(settings),
        keys=deployment.keys,
        admission=Admission(places, batcher.expected_wait_s, accounting),
        accounting=accounting,
        routes=_routes(catalogue),
        batcher=batcher,
        sweep=Sweep(deployment.shares, slot),
        draining=deployment.flags.draining,
        timeout_s=settings.timeout_s,
        receive_timeout_s=settings.receive_timeout_s,
        keep_alive_s=settings.keep_alive_s,
        max_body_bytes=settings.max_body_bytes,
        max_connections=most_connections(settings.max_connections),
    )

    async def flush_all(within_s: float) -> None:
        await deployment.bells.ring(slot, within_s)
        metrics.flush()

    deployment.bells.answer(slot, metrics.flush)
    control = Control(deployment.controls[slot][1], catalogue.prepare, catalogue.number)
    tasks = [asyncio.create_task(link.keep_connected(batcher.dispatch)) for link in links]
    try:
        yield {
            "edge": edge,
            "readiness": Readiness(links, deployment.flags.draining, lacking),
            "catalogue": catalogue,
            "control": control,
            "drift": drift,
            "labels": labels,
            "flush_all": flush_all,
        }
    finally:
        deployment.bells.ignore(slot)
        control.close()
        for task in tasks:
            task.cancel()
        if capture is not None:
            capture.close()
        metrics.flush()
        ledger.close()


def _routes(catalogue: Catalogue) -> Routes:
    routes = Routes()
    routes.paths[PREDICT.encode()] = Route(PREDICT, POLICY[PREDICT], catalogue.predict)
    for template, find in (
        (MODEL_PREDICT, lambda **names: catalogue.find(**names).predict),
        (VERSION_PREDICT, lambda **names: catalogue.find(**names).predict),
        (INFER, lambda **names: catalogue.find(**names).infer),
        (INFER_VERSION, lambda **names: catalogue.find(**names).infer),
    ):
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template).encode())
        routes.add_family(Family(template, POLICY[template], pattern, find, catalogue.knows))
    return routes
