"""Hosts and origins, as the settings have them."""

import pytest

from service.errors import ForbiddenError, MalformedError, StartError
from service.gate.origins import MOST_KNOWN, Cors, Hosts, check_origins
from service.settings import Settings, SettingsError, load

LISTED = "https://app.example:8443"


def hosts(address: str = "127.0.0.1", *, guarded: bool = False, **settings: str) -> Hosts:
    """Return the hosts of a service that listens there, with these settings."""
    return Hosts(Settings.model_validate(settings), address, guarded=guarded)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "LOCALHOST:8000",
        "localhost.:8000",
        "app.localhost",
        "127.0.0.1:8000",
        "127.8.8.8",
        "10.1.2.3",
        "[::1]:8000",
        "[fe80::1%25lo]",
        "backend",
    ],
)
def test_addresses_and_names_that_no_foreign_dns_answers_for_are_taken(host: str) -> None:
    """DNS rebinding needs a name that an attacker's DNS answers for."""
    assert hosts().refusal(host.encode()) is None


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_other_names_are_refused_on_a_loopback_address(host: str) -> None:
    """Without keys, unless they are listed."""
    for address in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
        assert isinstance(hosts(address).refusal(host.encode()), ForbiddenError)
    assert hosts("::").refusal(host.encode()) is None
    assert hosts(guarded=True).refusal(host.encode()) is None
    assert (
        hosts(allowed_hosts=f"other.example, {host.partition(':')[0].upper()}").refusal(host.encode()) is None
    )


@pytest.mark.parametrize("host", ["a b", "a/b", "user@a", "a:b", "a:80:80", "[::1", "a\\b", "a,b c", "ä"])
def test_what_is_no_authority_is_malformed(host: str) -> None:
    """Whatever the service listens on."""
    assert isinstance(hosts("0.0.0.0").refusal(host.encode("latin-1")), MalformedError)  # noqa: S104 - not bound


def test_a_bounded_number_of_hosts_is_remembered() -> None:
    """Whoever sends others has each of theirs looked at."""
    found = hosts()
    for number in range(2 * MOST_KNOWN):
        assert found.refusal(b"h%d" % number) is None
    assert len(found.known) == MOST_KNOWN


def test_a_listed_origin_may_read_answers() -> None:
    """And no other; all that there is may differ by the origin."""
    cors = Cors(Settings(cors_origins=f"http://a.example, {LISTED}"))
    assert (b"access-control-allow-origin", LISTED.encode()) in cors.headers(LISTED.encode())
    for other in (
        b"https://app.example",
        b"http://app.example:8443",
        b"null",
        b"https://app.example:8443.evil",
        None,
    ):
        assert cors.headers(other) == [(b"vary", b"Origin")]
    assert Cors(Settings()).headers(LISTED.encode()) == []


def test_a_page_of_another_site_changes_nothing() -> None:
    """An origin of the same host, or a listed one, may; with * listed none of another site may."""
    listed, everyone = Cors(Settings(cors_origins=LISTED)), Cors(Settings(cors_origins="*"))
    for cors in (listed, everyone, Cors(Settings())):
        cors.check_change(None, b"a:8000")
        cors.check_change(b"http://a:8000", b"A:8000")
        for foreign in (b"http://a:8001", b"https://evil.example", b"null"):
            with pytest.raises(ForbiddenError):
                cors.check_change(foreign, b"a:8000")
    listed.check_change(LISTED.encode(), b"a:8000")
    with pytest.raises(ForbiddenError):
        listed.check_change(b"null", b"")


def test_everyone_may_not_ask_where_there_are_keys() -> None:
    """`*` would let any page try keys."""
    with pytest.raises(StartError, match="SERVICE_CORS_ORIGINS"):
        check_origins(Settings(cors_origins="*"), guarded=True)
    check_origins(Settings(cors_origins="*"), guarded=False)
    check_origins(Settings(cors_origins=LISTED), guarded=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cors-origins", "example.com"),
        ("cors-origins", "https://example.com/"),
        ("cors-origins", "https://example.com/path"),
        ("cors-origins", "https://*.example.com"),
        ("cors-origins", "https://a.example,*"),
        ("cors-origins", "null"),
        ("cors-origins", "https://a.example,,"),
        ("allowed-hosts", "https://example.com"),
        ("allowed-hosts", "example.com:80"),
        ("allowed-hosts", "*"),
    ],
)
def test_what_is_no_origin_or_name_stops_the_start(name: str, value: str) -> None:
    """With one line that names the setting."""
    with pytest.raises(SettingsError, match=f"SERVICE_{name.replace('-', '_').upper()}"):
        load([f"--{name}", value])
