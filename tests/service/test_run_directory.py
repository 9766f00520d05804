"""The run directory: whose it may be, what is deleted in it, and how it comes back."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import StartError
from service.run_directory import (
    MARKER,
    MAX_SOCKET_PATH_BYTES,
    METRICS,
    MODELS,
    RunDirectory,
    reason_path,
    run_directory,
    socket_path,
    take_reason,
)

OURS = (
    "worker-0.sock",
    "worker-12.reason",
    "feedback.db",
    "feedback.db-journal",
    "feedback.db-shm",
    "feedback.db-wal",
    "metrics/counter_main.db",
    "metrics/gauge_sum_api-10.db",
    "models/table-12.json",
    "models/.stage-table-3.json",
    f"models/{'0a' * 32}/manifest.json",
    f"models/{'0a' * 32}/model.pt",
    f"models/.stage-{'0a' * 8}/model.safetensors",
)
OTHERS = (
    "models/table-x.json",
    "models/manifest.json",
    f"models/{'0a' * 31}/model.pt",
    f"models/{'0b' * 32}/notes",
    "models/.stage-x/model.pt",
    f"{'0a' * 32}/model.pt",
    "worker-x.sock",
    "worker-0.sock.old",
    "my-worker-0.sock",
    "feedback.db-notes",
    "my-feedback.db",
    "feedback_db",
    "metrics/counter_main.db.bak",
    "metrics/counter_other-1.db",
    "metrics/notes",
    "other/worker-0.sock",
)


def fill(folder: Path, names: tuple[str, ...]) -> None:
    """Put files of these names into a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")


def files(folder: Path) -> set[str]:
    """Return the files in a folder and below, but for the marker."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    return found - {MARKER}


@pytest.fixture
def claim() -> Iterator[Callable[[Path], RunDirectory]]:
    """Claim folders that are let go of in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda path: stack.enter_context(contextlib.closing(RunDirectory(path)))


def test_a_folder_that_is_missing_is_made_private(
    tmp_path: Path, claim: Callable[[Path], RunDirectory]
) -> None:
    """With its marker, and a place for metrics that nobody else may look into."""
    path = tmp_path / "deep" / "run"
    claim(path)
    assert path.stat().st_mode & 0o777 == (path / METRICS).stat().st_mode & 0o777 == 0o700
    assert (path / MODELS).stat().st_mode & 0o777 == 0o700
    assert (path / MARKER).is_file()


def test_of_an_earlier_run_its_own_files_are_deleted_and_no_others(
    tmp_path: Path, claim: Callable[[Path], RunDirectory]
) -> None:
    """By their exact names."""
    fill(tmp_path, (*OURS, *OTHERS, MARKER))
    claim(tmp_path)
    assert files(tmp_path) == set(OTHERS)
    assert not (tmp_path / "models" / ("0a" * 32)).exists()


def test_a_folder_that_is_not_marked_is_refused_and_kept(tmp_path: Path) -> None:
    """It is somebody's, whatever the names in it; one of them is told."""
    fill(tmp_path, OURS)
    with pytest.raises(StartError, match=rf"SERVICE_RUN_DIR={tmp_path}: .* it holds 'feedback\.db'"):
        RunDirectory(tmp_path)
    assert files(tmp_path) == set(OURS)


def _open_to_others(folder: Path) -> None:
    folder.chmod(0o770)


def _open_metrics_to_others(folder: Path) -> None:
    (folder / METRICS).chmod(0o702)


def _open_models_to_others(folder: Path) -> None:
    (folder / MODELS).chmod(0o720)


def _open_version_to_others(folder: Path) -> None:
    (folder / MODELS / ("0a" * 32)).chmod(0o720)


def _link_version(folder: Path) -> None:
    version = folder / MODELS / ("0a" * 32)
    version.rename(folder.parent / "elsewhere")
    version.symlink_to(folder.parent / "elsewhere")


def _plant_marker(folder: Path) -> None:
    (folder / MARKER).unlink()
    (folder / MARKER).symlink_to("/etc/passwd")


def _make_marker_a_folder(folder: Path) -> None:
    (folder / MARKER).unlink()
    (folder / MARKER).mkdir()


def _link_metrics(folder: Path) -> None:
    (folder / METRICS).rename(folder.parent / "elsewhere")
    (folder / METRICS).symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_open_to_others, "others may write in it"),
        (_open_metrics_to_others, "others may write in it"),
        (_open_models_to_others, "others may write in it"),
        (_open_version_to_others, "others may write in it"),
        (_plant_marker, r"\.logitserve in it is not this service's"),
        (_make_marker_a_folder, r"\.logitserve in it is not this service's"),
        (_link_version, "Not a directory|Too many levels"),
        (_link_metrics, "Not a directory|Too many levels"),
    ],
)
def test_what_others_could_have_made_is_refused_and_nothing_deleted(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    """A marked folder alone proves nothing when somebody else may have marked it."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    fill(folder, (*OURS, MARKER))
    for path in folder.rglob("*"):
        path.chmod(0o700)
    damage(folder)
    with pytest.raises(StartError, match=rf"SERVICE_RUN_DIR={folder}: .*({said})"):
        RunDirectory(folder)
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept >= {Path(name).name for name in OURS}


def test_a_link_is_no_run_directory(tmp_path: Path) -> None:
    """What it leads to may change."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StartError, match=f"SERVICE_RUN_DIR={tmp_path / 'link'}: "):
        RunDirectory(tmp_path / "link")
    assert files(tmp_path / "real") == set()


def test_a_folder_in_use_is_refused_until_it_is_let_go_of(tmp_path: Path) -> None:
    """By the lock on the folder, which needs no file and dies with its holder."""
    first = RunDirectory(tmp_path)
    with pytest.raises(StartError, match="another service is using it"):
        RunDirectory(tmp_path)
    first.close()
    RunDirectory(tmp_path).close()


def _remove_all(path: Path) -> None:
    (path / MARKER).unlink()
    (path / METRICS).rmdir()
    (path / MODELS).rmdir()
    path.rmdir()


@pytest.mark.parametrize(
    "clean",
    [
        _remove_all,
        lambda path: (path / MARKER).unlink(),
        lambda path: (path / METRICS).rmdir(),
        lambda path: (path / MODELS).rmdir(),
    ],
)
def test_what_a_cleaner_removes_is_made_again(
    tmp_path: Path, claim: Callable[[Path], RunDirectory], clean: Callable[[Path], None]
) -> None:
    """The folder, its marker or a folder in it; and it is locked again."""
    path = tmp_path / "run"
    claimed = claim(path)
    clean(path)
    claimed.keep()
    assert (path / MARKER).is_file()
    assert (path / METRICS).is_dir()
    assert (path / MODELS).is_dir()
    with pytest.raises(StartError, match="another service is using it"):
        RunDirectory(path)


def test_what_took_its_place_is_not_used(tmp_path: Path, claim: Callable[[Path], RunDirectory]) -> None:
    """A folder of somebody's under the same name stays as it is."""
    claimed = claim(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    fill(tmp_path / "run", ("precious",))
    with pytest.raises(StartError, match="it holds 'precious'"):
        claimed.keep()
    assert files(tmp_path / "run") == {"precious"}


def test_a_fresh_folder_is_gone_in_the_end() -> None:
    """Where no setting says which; with all that is in it."""
    with run_directory(None, 1) as claimed:
        (claimed.path / METRICS / "counter_main.db").touch()
        claimed.keep()
    assert not claimed.path.exists()


def test_a_wanted_folder_stays(tmp_path: Path) -> None:
    """And can be claimed by the next run."""
    for _ in range(2):
        with run_directory(tmp_path / "run", 1) as claimed:
            assert claimed.path == tmp_path / "run"
    assert (tmp_path / "run" / MARKER).is_file()


@pytest.mark.parametrize("room", [0, -1])
def test_a_path_is_as_long_as_the_last_workers_socket_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A socket that cannot be bound would be found out by a worker, much later."""
    monkeypatch.chdir(tmp_path)
    workers = 11
    spare = MAX_SOCKET_PATH_BYTES - len(os.fsencode(socket_path(tmp_path / "x", workers))) + 1
    path = Path("x" * (spare - room))
    with contextlib.ExitStack() as stack:
        if room < 0:
            stack.enter_context(pytest.raises(StartError, match="wanted a shorter path"))
        stack.enter_context(run_directory(path, workers))


def test_a_reason_is_told_once(tmp_path: Path) -> None:
    """The next failure of the same worker has its own."""
    assert take_reason(tmp_path, 3) is None
    reason_path(tmp_path, 3).write_text("the weights differ")
    assert take_reason(tmp_path, 2) is None
    assert take_reason(tmp_path, 3) == "the weights differ"
    assert take_reason(tmp_path, 3) is None
