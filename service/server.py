"""The composition root: from settings to a running service."""

import functools
import gc
import logging
from pathlib import Path

from prometheus_client import CollectorRegistry

from models.cores import find_cores
from models.defaults import DEFAULT_MODEL
from models.errors import StoreError
from models.repository import Artifact, Repository
from service import lifetime, logs
from service.app.routes import add_routes
from service.deployment import Deployment
from service.errors import StartError
from service.gate.keys import Keys
from service.gate.origins import check_origins
from service.host import device
from service.host.certificate import check_certificate
from service.host.listener import bind
from service.host.litserve import Host
from service.host.supervisor import Supervisor
from service.host.workers import Workers
from service.http.connection import Connection
from service.http_process import open_process
from service.metrics.declared import HostMetrics, open_files
from service.run_directory import MAIN, run_directory
from service.settings import Settings
from service.worker.api import ModelAPI
from service.worker.loop import FrameLoop

MOST_NAMED = 5

log = logging.getLogger("logitserve")


def serve(settings: Settings) -> None:
    """Serve until a signal ends it.

    Raises StartError with one line when the service cannot start or go on.
    """
    logs.configure(settings)
    keys = Keys(settings)
    check_certificate(settings)
    check_origins(settings, guarded=keys.used)
    artifact = pin(settings)
    with bind(settings.host, settings.port) as listener:
        cores = find_cores()
        log.info("%d usable cores: %s", cores.usable, cores.reason)
        found = device.find(settings.accelerator)
        log.info(
            "model %s version %s on %s: %s",
            artifact.manifest.name,
            artifact.manifest.version,
            found.accelerator,
            found.reason,
        )
        caught = lifetime.record()  # from here on there is something to clean up
        count = found.count * settings.workers_per_device
        with run_directory(settings.run_dir, count) as run_dir:
            address = listener.getsockname()[0].partition("%")[0]
            deployment = Deployment(settings, keys, artifact, address, run_dir.path, count)
            open_files(deployment.metrics_dir, MAIN)
            metrics = HostMetrics(CollectorRegistry())
            logs.configure(settings, metrics.log_dropped.inc)
            host = Host(
                ModelAPI(settings, artifact, run_dir.path, FrameLoop(run_dir.path)),
                settings,
                found,
                functools.partial(add_routes, deployment=deployment),
                functools.partial(open_process, deployment),
                Connection,
                deployment.ending.fd,
                deployment.shares,
            )
            gc.freeze()  # what is here before the forks stays shared between the HTTP processes
            workers = Workers(deployment, host, metrics)
            Supervisor(deployment, host, workers, listener, run_dir.keep, caught).run()


def pin(settings: Settings) -> Artifact:
    """Return the version to serve, verified: until the service ends, whatever CURRENT says later.

    Raises StartError when the store has no such model or the files are not what their manifest says.
    """
    repository = Repository(settings.model_store)
    try:
        names = repository.names()
        wanted = settings.model if names else None  # else say how to make any
        return repository.resolve(wanted or choose(names, settings.model_store))
    except StoreError as error:
        raise StartError(str(error)) from None


def choose(names: list[str], store: Path) -> str:
    """Return which of the store's models is served when no setting says it.

    Raises StartError when there is none, or none that is the default among several.
    """
    if not names:
        raise StartError(f"SERVICE_MODEL_STORE={store}: no published model; python -m training makes one")
    if len(names) == 1:
        return names[0]
    some = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    if DEFAULT_MODEL not in names:
        raise StartError(f"SERVICE_MODEL is not set, and {store} has {len(names)} models: {some}")
    log.warning(
        "%s has %d models: %s; serving %s, as SERVICE_MODEL is not set",
        store,
        len(names),
        some,
        DEFAULT_MODEL,
    )
    return DEFAULT_MODEL
