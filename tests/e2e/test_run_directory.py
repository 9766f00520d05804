"""The run directory: what is deleted in it, whose it may be, and what happens when its sockets vanish."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.run_directory import MARKER
from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
NOBODY = 65534
LOCAL_SOCKETS = Path("/proc/net/unix")
LISTENS = "00010000"
"""The kernel's flag of a socket that listens; those it has accepted bear its path too."""
PRECIOUS = ("worker-1", "worker-0.sock", "worker-notes.txt", "metrics/x.db", "metrics/counter_main.db")


def fill(folder: Path) -> None:
    """Put files into `folder` that have our names, or nearly."""
    for name in PRECIOUS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")


def intact(folder: Path) -> bool:
    """Return whether they are all there."""
    return all((folder / name).read_text() == "precious" for name in PRECIOUS)


def reason(service: Service) -> str:
    """Return the one line with which a service gave up."""
    assert service.main.wait(60) == 1
    [line] = service.log().splitlines()[-1:]
    return line


def test_an_empty_variable_touches_nothing_in_the_working_directory(
    start: Callable[..., Service], tmp_path: Path
) -> None:
    """`SERVICE_RUN_DIR=`, as compose writes an unset variable, is a fresh private directory."""
    fill(tmp_path / "here")
    here, code = tmp_path / "here", Path.cwd()
    prefix = ("sh", "-c", f'cd {here} && exec env PYTHONPATH={code} "$@"', "sh")
    service = start(run_dir="", prefix=prefix)
    assert service.predict(ROW).status_code == 200
    assert service.stop() == 0
    assert intact(here)


def test_a_folder_of_ones_own_is_refused_and_kept(start: Callable[..., Service], tmp_path: Path) -> None:
    """Nothing is deleted in a folder that this service did not mark."""
    fill(tmp_path / "own")
    line = reason(start(run_dir=tmp_path / "own", ready=False))
    assert f"SERVICE_RUN_DIR={tmp_path / 'own'}" in line
    assert intact(tmp_path / "own")


def test_in_a_marked_folder_only_exact_names_are_deleted(
    start: Callable[..., Service], tmp_path: Path
) -> None:
    """What an earlier run left goes, what somebody put beside it stays."""
    run_dir = tmp_path / "run"
    assert start(run_dir=run_dir).stop() == 0
    others = ("worker-1", "worker-notes.txt", "metrics/x.db", "keep")
    for name in (*others, "worker-7.sock", "metrics/counter_api-9.db"):
        (run_dir / name).write_text("")
    service = start(run_dir=run_dir)
    assert service.predict(ROW).status_code == 200
    assert all((run_dir / name).exists() for name in others)
    assert not (run_dir / "worker-7.sock").exists()
    assert not (run_dir / "metrics" / "counter_api-9.db").exists()


def test_a_folder_that_others_can_write_is_refused(start: Callable[..., Service], tmp_path: Path) -> None:
    """Its sockets could be replaced by theirs, by its group's or anybody's; a folder inside it will do."""
    refused = {}
    for mode in (0o1777, 0o770, 0o707):
        shared = tmp_path / oct(mode)
        shared.mkdir()
        shared.chmod(mode)
        refused[mode] = start(run_dir=shared, ready=False)
    service = start(run_dir=shared / "own")
    assert service.predict(ROW).status_code == 200
    for mode, other in refused.items():
        assert "others may write" in reason(other), oct(mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_a_folder_of_another_user_is_refused(start: Callable[..., Service], tmp_path: Path) -> None:
    """Whatever is in it, a marker too."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / MARKER).touch()
    os.chown(run_dir, NOBODY, NOBODY)
    assert "another user" in reason(start(run_dir=run_dir, ready=False))


def test_a_planted_marker_is_no_marker(start: Callable[..., Service], tmp_path: Path) -> None:
    """A link, to whatever there is; nor is the folder itself followed."""
    fill(tmp_path / "own")
    (tmp_path / "own" / MARKER).symlink_to("worker-1")
    assert MARKER in reason(start(run_dir=tmp_path / "own", ready=False))
    (tmp_path / "link").symlink_to("own")
    assert "SERVICE_RUN_DIR" in reason(start(run_dir=tmp_path / "link", ready=False))
    assert intact(tmp_path / "own")


def test_a_planted_folder_of_metrics_is_not_followed(start: Callable[..., Service], tmp_path: Path) -> None:
    """In a marked folder neither: what a link leads to is not this service's."""
    fill(tmp_path / "own")
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / MARKER).touch()
    (run_dir / "metrics").symlink_to(tmp_path / "own" / "metrics")
    assert f"SERVICE_RUN_DIR={run_dir}" in reason(start(run_dir=run_dir, ready=False))
    assert intact(tmp_path / "own")


def test_a_folder_in_use_is_refused(start: Callable[..., Service], tmp_path: Path) -> None:
    """By the lock on the folder itself, which cleaners of temporary folders heed too."""
    service = start(run_dir=tmp_path / "run")
    assert "another service is using it" in reason(start(run_dir=tmp_path / "run", ready=False))
    folder = os.open(tmp_path / "run", os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert service.stop() == 0
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(folder)


def listeners(path: Path) -> set[str]:
    """Return the kernel's numbers of the sockets that listen and were bound as `path`."""
    lines = [line.split() for line in LOCAL_SOCKETS.read_text().splitlines()]
    return {fields[6] for fields in lines if fields[3] == LISTENS and fields[7:] == [str(path)]}


@pytest.mark.skipif(not LOCAL_SOCKETS.exists(), reason="only Linux lists its sockets so")
def test_the_kernel_knows_the_socket_by_its_path(start: Callable[..., Service], tmp_path: Path) -> None:
    """Cleaners of temporary files leave what it lists; the socket that is bound again too."""
    start(run_dir=tmp_path / "run")
    path = tmp_path / "run" / "worker-0.sock"
    first = listeners(path)
    assert first
    path.unlink()
    wait_for(lambda: listeners(path) - first)
    assert path.is_socket()


def test_a_removed_socket_is_bound_again(start: Callable[..., Service], tmp_path: Path) -> None:
    """So that the next death, of a worker or of an HTTP process, is no outage."""
    service = start(run_dir=tmp_path / "run", api_servers=1)
    path = tmp_path / "run" / "worker-0.sock"
    for _ in range(2):
        path.unlink()
        wait_for(path.exists)
    [api] = service.apis()
    api.kill()
    wait_for(lambda: [other.pid for other in service.apis()] not in ([], [api.pid]))
    wait_for(service.ready)
    path.unlink()
    [worker] = service.workers()
    worker.kill()
    wait_for(lambda: service.metric("worker_restarts_total") == 1)
    wait_for(service.ready)
    assert service.predict(ROW).status_code == 200


def test_a_removed_run_directory_is_made_again(start: Callable[..., Service], tmp_path: Path) -> None:
    """Predictions go on, and a worker that dies is replaced."""
    run_dir = tmp_path / "run"
    service = start(run_dir=run_dir, api_servers=1)
    for path in sorted(run_dir.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    run_dir.rmdir()
    assert service.predict(ROW).status_code == 200
    wait_for((run_dir / "worker-0.sock").exists)
    [worker] = service.workers()
    worker.kill()
    wait_for(lambda: [other.pid for other in service.workers()] not in ([], [worker.pid]))
    wait_for(service.ready)
    assert service.predict(ROW).status_code == 200
