"""What feedback wants of the machine, looked at before anything starts. Knows nothing of tokens."""

import tempfile

from service.errors import StartError
from service.settings import Settings

MIN_BYTES = 16
"""128 bits, as many as a token's MAC has: a guess at either is hopeless."""


def read_secret(settings: Settings) -> bytes | None:
    """Return the secret that tokens are signed with, or None where feedback is off.

    Raises StartError when there is none in its file, or the folder of rows and labels cannot be written to.
    """
    path = settings.feedback_secret_file
    if path is None:
        return None
    named = f"SERVICE_FEEDBACK_SECRET_FILE={path}"
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise StartError(f"{named}: {error.strerror}") from None
    if len(secret) < MIN_BYTES:
        raise StartError(
            f"{named}: wanted {MIN_BYTES} bytes or more, without blanks around; found {len(secret)}"
        )
    _check_folder(settings)
    return secret


def _check_folder(settings: Settings) -> None:
    if settings.feedback_dir is None:
        return
    try:
        settings.feedback_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.feedback_dir):
            pass
    except OSError as error:
        raise StartError(f"SERVICE_FEEDBACK_DIR={settings.feedback_dir}: {error.strerror}") from None
