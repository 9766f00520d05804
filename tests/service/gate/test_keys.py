"""Which key opens what, and the files that hold them."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import ForbiddenError, NoSuchPathError, StartError, UnauthorizedError
from service.gate import keys
from service.gate.access import Access
from service.gate.keys import Keys
from service.settings import Settings

PREDICT, ADMIN, WRONG, NONE = (
    {b"authorization": b"Bearer predict-key"},
    {b"x-api-key": b"admin-key"},
    {b"x-api-key": b"guess"},
    {},
)


def line(key: str, name: str = "someone") -> str:
    """Return a keys file's line for `key`."""
    return f"{name}:{hashlib.sha256(key.encode()).hexdigest()}\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A keys file with two predict keys, and one with an admin key."""
    predict, admin = tmp_path / "predict", tmp_path / "admin"
    predict.write_text("# who may predict\n\n" + line("other-key", "other") + line("predict-key"))
    admin.write_text(line("admin-key") + "  # on call\n")
    return predict, admin


def both(files: tuple[Path, Path], **more: object) -> Keys:
    """Return the policy with both files."""
    return Keys(Settings(api_keys_file=files[0], admin_keys_file=files[1], **more))  # type: ignore[arg-type]


def refusal(found: Keys, access: Access, headers: dict[bytes, bytes]) -> type[Exception] | None:
    """Return the class of the error that refuses a request, if one does."""
    try:
        found.check(access, headers)
    except (UnauthorizedError, ForbiddenError, NoSuchPathError) as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("access", "headers", "wanted"),
    [
        *((Access.OPEN, headers, None) for headers in (NONE, WRONG, PREDICT, ADMIN)),
        (Access.PREDICT, NONE, UnauthorizedError),
        (Access.PREDICT, WRONG, UnauthorizedError),
        (Access.PREDICT, PREDICT, None),
        (Access.PREDICT, ADMIN, None),
        (Access.ADMIN, NONE, UnauthorizedError),
        (Access.ADMIN, WRONG, UnauthorizedError),
        (Access.ADMIN, PREDICT, ForbiddenError),
        (Access.ADMIN, ADMIN, None),
    ],
)
def test_who_may_do_what(
    files: tuple[Path, Path], access: Access, headers: dict[bytes, bytes], wanted: type[Exception] | None
) -> None:
    """With both files the table holds, exactly."""
    assert refusal(both(files), access, headers) is wanted


def test_metrics_are_open_unless_a_setting_closes_them(files: tuple[Path, Path]) -> None:
    """Closed, they take any key; and without keys they cannot be closed."""
    assert refusal(both(files), Access.METRICS, NONE) is None
    closed = both(files, metrics_open=False)
    assert refusal(closed, Access.METRICS, NONE) is UnauthorizedError
    assert refusal(closed, Access.METRICS, PREDICT) is refusal(closed, Access.METRICS, ADMIN) is None
    with pytest.raises(StartError, match="SERVICE_METRICS_OPEN=false: wanted SERVICE_API_KEYS_FILE"):
        Keys(Settings(metrics_open=False))


def test_without_files_all_but_the_admin_routes_is_open(files: tuple[Path, Path]) -> None:
    """No admin file, no admin routes; an admin file alone does not close prediction."""
    none = Keys(Settings())
    assert not none.used
    assert refusal(none, Access.PREDICT, NONE) is None
    assert refusal(none, Access.ADMIN, ADMIN) is NoSuchPathError
    assert refusal(Keys(Settings(api_keys_file=files[0])), Access.ADMIN, PREDICT) is NoSuchPathError
    assert refusal(Keys(Settings(admin_keys_file=files[1])), Access.PREDICT, NONE) is None


def test_an_empty_key_is_no_key(tmp_path: Path) -> None:
    """Even when a file holds the digest of nothing."""
    path = tmp_path / "keys"
    path.write_text(line(""))
    found = Keys(Settings(api_keys_file=path))
    for headers in (
        NONE,
        {b"x-api-key": b""},
        {b"authorization": b"Bearer "},
        {b"authorization": b"Basic x"},
    ):
        assert refusal(found, Access.PREDICT, headers) is UnauthorizedError


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no keys in it"),
        ("# none yet\n", "no keys in it"),
        ("predict-key\n", "line 1: wanted <name>:<sha256"),
        (line("a") + "b:1234\n", "line 2: wanted <name>:<sha256"),
        (None, "No such file"),
    ],
)
def test_a_bad_file_stops_the_start_with_one_line(tmp_path: Path, content: str | None, reason: str) -> None:
    """The line names the setting and the file, and never repeats what might be a key."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartError) as raised:
        Keys(Settings(api_keys_file=path))
    assert str(raised.value).startswith(f"SERVICE_API_KEYS_FILE={path}: {reason}")
    assert "\n" not in str(raised.value)
    assert "predict-key" not in str(raised.value)


def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys rotate without a restart, by replacing the file or writing it."""
    monkeypatch.setattr(keys, "LOOK_S", 0)
    found = both(files)
    replacement = files[0].with_suffix(".new")
    replacement.write_text(line("next-key"))
    replacement.rename(files[0])
    assert refusal(found, Access.PREDICT, {b"x-api-key": b"next-key"}) is None
    assert refusal(found, Access.PREDICT, PREDICT) is UnauthorizedError
    for bad in (lambda: files[0].write_text("nonsense"), files[0].unlink):
        bad()
        assert refusal(found, Access.PREDICT, {b"x-api-key": b"next-key"}) is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    files[0].write_text(line("last-key"))
    assert refusal(found, Access.PREDICT, {b"x-api-key": b"last-key"}) is None


def test_a_made_key_opens_what_its_line_says(tmp_path: Path) -> None:
    """`python -m service.keys NAME` appends to a file, and shows the key where it is not redirected."""
    path = tmp_path / "keys"
    for _ in range(2):
        with path.open("a") as stream:
            made = subprocess.run(
                [sys.executable, "-m", "service.keys", "alice"],
                stdout=stream,
                stderr=subprocess.PIPE,
                check=True,
            )
    key = made.stderr.strip()
    assert len(key) == 43
    assert refusal(Keys(Settings(api_keys_file=path)), Access.PREDICT, {b"x-api-key": key}) is None
    assert key not in path.read_bytes()
    assert len(path.read_text().splitlines()) == 2
    assert keys.main(["not a name"]) == keys.main([]) == 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, end: str) -> None:
    """With a byte order mark, and CRLF."""
    path = tmp_path / "keys"
    path.write_bytes(f"\ufeff{line('predict-key').strip()}{end}{line('other').strip()}{end}".encode())
    Keys(Settings(api_keys_file=path)).check(Access.PREDICT, PREDICT)


def test_a_file_that_is_not_utf_8_stops_the_start_with_one_line(tmp_path: Path) -> None:
    """As some editors save it: the line says so."""
    path = tmp_path / "keys"
    path.write_bytes(line("predict-key").encode("utf-16"))
    with pytest.raises(StartError, match=r"SERVICE_API_KEYS_FILE=.*keys: it is not UTF-8"):
        Keys(Settings(api_keys_file=path))
