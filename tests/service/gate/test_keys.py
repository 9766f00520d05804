"""Which key opens what."""

from pathlib import Path

import pytest

from service.errors import ForbiddenError, NoSuchPathError, StartError, UnauthorizedError
from service.gate.access import Access
from service.gate.keys import Keys
from service.settings import Settings
from tests.service.gate.written import line

PREDICT, ADMIN, WRONG, NONE = (
    {b"authorization": b"Bearer predict-key"},
    {b"x-api-key": b"admin-key"},
    {b"x-api-key": b"guess"},
    {},
)


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


@pytest.mark.parametrize("name", ["api_keys_file", "admin_keys_file"])
def test_a_file_that_cannot_be_used_is_named_by_its_setting(tmp_path: Path, name: str) -> None:
    """Before anything starts."""
    settings = Settings.model_validate({name: tmp_path / "none"})
    with pytest.raises(StartError, match=f"^SERVICE_{name.upper()}=.*none: No such file"):
        Keys(settings)
