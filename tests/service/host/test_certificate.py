"""The certificate of HTTPS: what cannot be used stops the start with one line."""

from pathlib import Path

import pytest

from service.errors import StartError
from service.host.certificate import check_certificate
from service.settings import Settings


def test_without_a_certificate_there_is_nothing_to_check() -> None:
    """Which is a service that speaks plain HTTP; it asserts nothing, as a refusal would be raised."""
    check_certificate(Settings())


def test_a_key_alone_is_a_mistake(tmp_path: Path) -> None:
    """The service would speak plain HTTP."""
    with pytest.raises(StartError, match=r"SERVICE_SSL_KEYFILE=.*: wanted SERVICE_SSL_CERTFILE beside it"):
        check_certificate(Settings(ssl_keyfile=tmp_path / "key.pem"))


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n"])
def test_what_is_no_certificate_is_named(tmp_path: Path, content: str | None) -> None:
    """Whether it is missing or something else."""
    path = tmp_path / "certificate.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(StartError) as raised:
        check_certificate(Settings(ssl_certfile=path))
    assert str(raised.value).startswith(f"SERVICE_SSL_CERTFILE={path}: ")
    assert "\n" not in str(raised.value)
