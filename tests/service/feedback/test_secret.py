"""The secret of feedback, and the folder of rows and labels: what cannot be used stops the start."""

from pathlib import Path

import pytest

from service.errors import StartError
from service.feedback.secret import read_secret
from service.settings import Settings


def test_without_a_file_feedback_is_off() -> None:
    """There is nothing to check."""
    assert read_secret(Settings()) is None


def test_a_secret_is_taken_without_what_editors_leave_around(tmp_path: Path) -> None:
    """Of two instances whose files differ by a line's end the secret is the same."""
    path = tmp_path / "secret"
    path.write_bytes(b" 0123456789abcdef\r\n")
    assert read_secret(Settings(feedback_secret_file=path, feedback_dir=tmp_path)) == b"0123456789abcdef"
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "wanted 16 bytes"), (b" 0123456789abcde\n", "16 bytes .* found 15")],
)
def test_a_secret_that_could_be_guessed_is_refused(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    """The line names the setting and the file, and never what is in it."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartError, match=f"^SERVICE_FEEDBACK_SECRET_FILE={path}: .*{reason}") as raised:
        read_secret(Settings(feedback_secret_file=path))
    assert "\n" not in str(raised.value)
    assert "0123" not in str(raised.value)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """As where a file is; one that is missing is made, for nobody else."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * 16)
    with pytest.raises(StartError, match=f"^SERVICE_FEEDBACK_DIR={secret}: File exists$"):
        read_secret(Settings(feedback_secret_file=secret, feedback_dir=secret))
    missing = tmp_path / "more" / "kept"
    read_secret(Settings(feedback_secret_file=secret, feedback_dir=missing))
    assert missing.stat().st_mode & 0o777 == 0o700
