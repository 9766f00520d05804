"""Where a browser may come from: the hosts that it may name, the origins whose pages may ask.

Knows nothing of connections or routes. A browser sends whatever page it shows to any address, so a service
that asks for no key has only these two headers to tell its own pages from another site's.
"""

import ipaddress
import re

from service.errors import ForbiddenError, MalformedError, ServiceError, StartError, quote
from service.settings import ANY_ORIGIN, Settings

AUTHORITY = re.compile(rb"(\[[0-9A-Za-z:.%]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
"""RFC 3986 3.2.2, without user information, which no Host has."""
MOST_KNOWN = 256
"""Hosts that are remembered as good; whoever sends more has each of theirs looked at."""
PREFLIGHT_S = 600
EXPOSED = "X-Request-Id, Retry-After, WWW-Authenticate, Inference-Header-Content-Length"
"""What a page may read of an answer, beside what every page may."""

Lines = list[tuple[bytes, bytes]]


def check_origins(settings: Settings, *, guarded: bool) -> None:
    """Raise StartError when every page of the world may ask and there are keys to be found out."""
    if guarded and settings.cors_origins == ANY_ORIGIN:
        raise StartError(f"SERVICE_CORS_ORIGINS={ANY_ORIGIN}: wanted exact origins, for there are keys")


class Hosts:
    """The values of Host that are taken; `known` holds the last ones that were."""

    def __init__(self, settings: Settings, address: str, *, guarded: bool) -> None:
        """`address` is what the service listens on, `guarded` whether it asks for a key to predict."""
        self.known: set[bytes] = set()
        self._local = not guarded and _is_loopback(address)
        self._listed = {name.strip().lower() for name in settings.allowed_hosts.split(",")}

    def refusal(self, host: bytes) -> ServiceError | None:
        """Return what is wrong with a Host, or None.

        Without keys on a loopback address a name that some DNS could point there is refused: a page of that
        name would be of this service's origin (DNS rebinding). No DNS of others answers for an address or
        for a name without a dot, which is what proxies call what is behind them.
        """
        if host in self.known:
            return None
        matched = AUTHORITY.fullmatch(host)
        if matched is None:
            return MalformedError("Host: wanted a name or an address, with a port or without")
        name = matched[1].decode().lower().removesuffix(".")
        if self._local and not (name in self._listed or "." not in name or _is_local(name)):
            return ForbiddenError(
                f"Host {quote(name)} is not this machine's; SERVICE_ALLOWED_HOSTS lists others"
            )
        if len(self.known) < MOST_KNOWN:
            self.known.add(host)
        return None


class Cors:
    """The origins whose pages may read answers: the CORS protocol of the Fetch standard, without cookies."""

    def __init__(self, settings: Settings) -> None:
        self._any = settings.cors_origins == ANY_ORIGIN
        self.used = settings.cors_origins != ""
        self._origins = {each.strip().lower().encode() for each in settings.cors_origins.split(",")}

    def allows(self, origin: bytes | None) -> bool:
        """Return whether a page of `origin` may ask."""
        return origin is not None and (self._any or origin.lower() in self._origins)

    def headers(self, origin: bytes | None) -> Lines:
        """Return what any answer to `origin` carries."""
        if not self.used:
            return []
        if not self.allows(origin):
            return [(b"vary", b"Origin")]
        allowed = b"*" if self._any else origin or b""
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", EXPOSED.encode()),
            (b"vary", b"Origin"),
        ]

    def lines(self, origin: bytes | None) -> bytes:
        """Return `headers` as they are sent."""
        return b"".join([b"%b: %b\r\n" % header for header in self.headers(origin)])

    def preflight(self, origin: bytes | None, wanted: bytes) -> dict[str, str]:
        """Return the headers that answer a preflight, which asks for the headers `wanted`, beside `headers`.

        Raises ForbiddenError for an origin that is not listed.
        """
        if not self.allows(origin):
            raise ForbiddenError(
                "pages of this origin may not ask; SERVICE_CORS_ORIGINS lists those that may"
            )
        return {
            "access-control-allow-methods": "GET, HEAD, POST",
            "access-control-allow-headers": wanted.decode("latin-1"),
            "access-control-max-age": str(PREFLIGHT_S),
        }

    def check_change(self, origin: bytes | None, host: bytes) -> None:
        """Raise ForbiddenError when a page of another site asks for something that changes state."""
        own = origin is None or (host != b"" and origin.partition(b"://")[2].lower() == host.lower())
        if not own and (self._any or not self.allows(origin)):
            raise ForbiddenError("pages of this origin may not change anything")


def _is_loopback(address: str) -> bool:
    """Return whether only this machine reaches what listens there."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback


def _is_local(name: str) -> bool:
    """Return whether `name` is an address, or a name that means this machine (RFC 6761 6.3)."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
