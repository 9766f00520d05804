"""Run locust against a service that runs, or one started for it. Knows nothing of what the load is."""

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.running import Service, free_port

FOLDER = Path(__file__).parent
STOP_TIMEOUT_S = 10
"""How long a user that leaves may wait for its last answer; without it that request would not be counted."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """Serve the default model, trained into `folder`, with default settings; end it after use."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or it would leave the service behind
    train = [sys.executable, "-m", "training", "--store", str(folder / "store")]
    subprocess.run(train, check=True, capture_output=True)
    service = Service(folder / "store", folder / "service.log", {}, None)
    try:
        service.wait_ready()
        yield service
    finally:
        service.close()


def main() -> int:
    """Return locust's exit status: 0 within the SLO. Arguments that are not ours go to locust."""
    parser = argparse.ArgumentParser(prog="python -m deploy.load", description=main.__doc__)
    parser.add_argument("--host", help="URL of the service; one is started for the run without it")
    parser.add_argument(
        "--ui", action="store_true", help="serve locust's web page instead of running at once"
    )
    parser.add_argument("--results", type=Path, default=Path("results/load"), help="folder of the reports")
    ours, locust = parser.parse_known_args()
    ours.results.mkdir(parents=True, exist_ok=True)
    reports = [f"--html={ours.results}/report.html", f"--json-file={ours.results}/stats"]
    reports.append(f"--summary={ours.results}/summary.json")
    mode = (
        [f"--web-port={free_port()}", "--web-host=127.0.0.1"] if ours.ui else ["--headless", "--only-summary"]
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        host = ours.host or stack.enter_context(serving(Path(folder))).url
        command = [sys.executable, "-m", "locust", "-f", str(FOLDER / "locustfile.py"), "--host", host]
        command.append(f"--stop-timeout={STOP_TIMEOUT_S}")
        # locust patches the standard library: it gets a process of its own.
        return subprocess.run([*command, *mode, *reports, *locust], check=False).returncode


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
