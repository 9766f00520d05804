"""An ASGI call of a request."""

from collections.abc import Callable

from service.http.cycle import make_cycle
from tests.service.http.peer import Peer


def test_the_app_gets_the_path_decoded_and_as_it_came(connect: Callable[..., Peer]) -> None:
    """A slash that is written with a percent sign stays told from one that is not, in the raw path."""
    peer = connect()
    headers = [(b"host", b"x"), (b"a", b"1"), (b"a", b"2")]
    cycle = make_cycle(
        peer.protocol,
        "1.0",
        b"PUT",
        b"/a%2Fb/H%C3%B6he",
        b"x=%20",
        headers,
        expects=False,
        keep_alive=False,
    )
    scope = cycle.scope
    assert (scope["path"], scope["raw_path"]) == ("/a/b/Höhe", b"/a%2Fb/H%C3%B6he")
    assert (scope["query_string"], scope["headers"]) == (b"x=%20", headers)
    assert (scope["method"], scope["http_version"]) == ("PUT", "1.0")
    assert scope["state"]["edge"] is peer.edge
    assert scope["state"] is not peer.protocol.app_state  # what an app adds is of one request
    assert not cycle.keep_alive
