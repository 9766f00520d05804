"""The composition root: from settings to a running service."""

import contextlib
import functools
import gc
import logging
from pathlib import Path

from prometheus_client import CollectorRegistry

from models.cores import find_cores
from models.defaults import DEFAULT_MODEL
from models.errors import StoreError
from models.repository import Repository
from models.signature import TrustedKeys
from service import lifetime, logs
from service.app.routes import add_routes
from service.deployment import Deployment
from service.errors import StartError
from service.feedback.secret import read_secret
from service.gate.keys import Keys
from service.gate.origins import check_origins
from service.host import device
from service.host.certificate import check_certificate
from service.host.conductor import Conductor
from service.host.librarian_process import LibrarianProcess
from service.host.listener import bind
from service.host.litserve import Host
from service.host.peer import Peer
from service.host.supervisor import Supervisor
from service.host.workers import Workers
from service.http.connection import Connection
from service.http_process import open_process
from service.library.librarian import Librarian
from service.library.table import Offer
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
    secret = read_secret(settings)
    check_certificate(settings)
    check_origins(settings, guarded=keys.used)
    default = find_default(settings)
    with bind(settings.host, settings.port) as listener:
        found = device.find(settings.accelerator)
        caught = lifetime.record()  # from here on there is something to clean up
        count = found.count * settings.workers_per_device
        with run_directory(settings.run_dir, count) as run_dir, contextlib.ExitStack() as stack:
            librarian = make_librarian(settings, default, run_dir.path)
            offer = first_offer(librarian, default)
            cores = find_cores()
            log.info("%d usable cores: %s", cores.usable, cores.reason)
            for served in offer.wanted:
                log.info(
                    "model %s version %d on %s: %s",
                    served.model,
                    served.version,
                    found.accelerator,
                    found.reason,
                )
            address = listener.getsockname()[0].partition("%")[0]
            deployment = Deployment(settings, keys, address, run_dir.path, count, secret)
            stack.callback(deployment.close)
            open_files(deployment.metrics_dir, MAIN)
            metrics = HostMetrics(CollectorRegistry())
            logs.configure(settings, metrics.log_dropped.inc)
            api = ModelAPI(settings, run_dir.path, FrameLoop(run_dir.path))
            host = Host(
                api,
                settings,
                found,
                functools.partial(add_routes, deployment=deployment),
                functools.partial(open_process, deployment),
                Connection,
                deployment.ending.fd,
                deployment.shares,
            )
            gc.freeze()  # what is here before the forks stays shared between the HTTP processes
            conductor = Conductor(
                deployment,
                LibrarianProcess(librarian, offer, [listener.fileno(), run_dir.fileno()]),
                [Peer(path) for path in deployment.worker_sockets],
                api,
                metrics,
                default,
                offer,
            )
            workers = Workers(deployment, host, metrics, conductor)
            Supervisor(deployment, host, workers, conductor, listener, run_dir.keep, caught).run()


def find_default(settings: Settings) -> str:
    """Return the model of `/predict`.

    Raises StartError when the store cannot be read, or has none that it could be.
    """
    try:
        names = Repository(settings.model_store).names()
    except StoreError as error:
        raise StartError(str(error)) from None
    wanted = settings.models[:1] if names else ()  # else say how to make any
    return wanted[0] if wanted else choose(names, settings.model_store)


def make_librarian(settings: Settings, default: str, run_dir: Path) -> Librarian:
    """Return who finds the versions that the settings want.

    Raises StartError when the file of trusted keys is not one.
    """
    trusted = None
    if settings.trusted_keys_file is not None:
        try:
            trusted = TrustedKeys.read(settings.trusted_keys_file)
        except StoreError as error:
            raise StartError(f"SERVICE_TRUSTED_KEYS_FILE={error}") from None
    wanted: dict[str, tuple[int, ...] | None] | None = None
    if settings.model_control == "pinned":
        wanted = {default: None if settings.model_version is None else (settings.model_version,)}
    elif settings.model_control == "explicit":
        wanted = dict.fromkeys(settings.models or (default,))
    return Librarian(
        settings.model_store,
        run_dir,
        default,
        names=settings.models or None,
        wanted=wanted,
        max_versions=settings.max_versions,
        trusted=trusted,
    )


def first_offer(librarian: Librarian, default: str) -> Offer:
    """Return what the store has at the start. Raises StartError when the default model is not in it."""
    offer = librarian.look()
    if all(served.model != default for served in offer.wanted):
        raise StartError(next(refused.message for refused in offer.refused if refused.model == default))
    return offer


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
