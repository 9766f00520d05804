"""The certificate of HTTPS, looked at before anything starts."""

import ssl

from service.errors import StartError
from service.settings import Settings


def check_certificate(settings: Settings) -> None:
    """Raise StartError when HTTPS is wanted and the certificate or its key cannot be used."""
    if settings.ssl_certfile is None:
        if settings.ssl_keyfile is not None:
            raise StartError(
                f"SERVICE_SSL_KEYFILE={settings.ssl_keyfile}: wanted SERVICE_SSL_CERTFILE beside it"
            )
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.ssl_certfile, settings.ssl_keyfile
        )
    except OSError as error:  # ssl.SSLError is one
        raise StartError(f"SERVICE_SSL_CERTFILE={settings.ssl_certfile}: {error.strerror or error}") from None
