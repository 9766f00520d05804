"""Run locust against a service that runs, or one started for it. Knows nothing of what the load is."""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

FOLDER = Path(__file__).parent
STOP_TIMEOUT_S = 10
"""How long a user that leaves may wait for its last answer; without it that request would not be counted."""
START_S, LOOK_S = 60, 0.1


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the default model, trained into `folder`, and yield the URL; end it after use."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or it would leave the service behind
    train = [sys.executable, "-m", "training", "--store", str(folder / "store")]
    subprocess.run(train, check=True, capture_output=True)
    port, log = free_port(), folder / "service.log"
    settings = {
        "SERVICE_PORT": str(port),
        "SERVICE_MODEL_STORE": str(folder / "store"),
        "SERVICE_DRAIN_S": "0",
    }
    with log.open("w") as stream:
        service = subprocess.Popen(
            [sys.executable, "-m", "service"], env=os.environ | settings, stdout=stream, stderr=stream
        )
    try:
        deadline = time.monotonic() + START_S
        while not ready(port):
            if service.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the service did not start:\n{log.read_text()}")
            time.sleep(LOOK_S)
        yield f"http://127.0.0.1:{port}"
    finally:
        service.terminate()
        service.wait()


def ready(port: int) -> bool:
    """Return whether the service on this port says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    return False


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Return locust's exit status: 0 within the SLO. Arguments that are not ours go to locust."""
    parser = argparse.ArgumentParser(prog="python -m deploy.load", description=main.__doc__)
    parser.add_argument("--host", help="URL of the service; one is started for the run without it")
    parser.add_argument(
        "--ui", action="store_true", help="serve locust's web page instead of running at once"
    )
    parser.add_argument("--results", type=Path, default=Path("results/load"), help="folder of the reports")
    ours, locust = parser.parse_known_args()
    try:
        ours.results.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--results {ours.results}: {error.strerror}")
    reports = [f"--html={ours.results}/report.html", f"--json-file={ours.results}/stats"]
    reports.append(f"--summary={ours.results}/summary.json")
    mode = (
        [f"--web-port={free_port()}", "--web-host=127.0.0.1"] if ours.ui else ["--headless", "--only-summary"]
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        host = ours.host or stack.enter_context(serving(Path(folder)))
        command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--host", host]
        command.append(f"--stop-timeout={STOP_TIMEOUT_S}")
        # locust patches the standard library: it gets a process of its own.
        return subprocess.run([*command, *mode, *reports, *locust], check=False).returncode


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
