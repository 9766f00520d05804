"""Clients that send or read too slowly, or only hold connections: they are cut off, and harm nobody."""

import contextlib
import json
import resource
import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
IDLE = 500
"""Clients that have had their answer and stay."""
CUT_OFF_S = 15
MAX_IDLE_CPU = 50
"""Percent of a core: an accept loop that spins takes all of one."""


@pytest.fixture(scope="module")
def hasty(share: Callable[..., Service]) -> Service:
    """A service of one HTTP process that waits a second for what a client sends or reads."""
    return share(receive_timeout_s=1, api_servers=1)


@pytest.fixture(scope="module")
def brief(share: Callable[..., Service]) -> Service:
    """As `hasty`, and it keeps an idle connection no longer."""
    return share(receive_timeout_s=1, keep_alive_s=1, api_servers=1)


@pytest.fixture
def connect() -> Iterator[Callable[..., socket.socket]]:
    """Open connections and send some bytes on them; they end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(_connected(*arguments, **more))


def _connected(service: Service, sent: bytes = b"", receive_buffer: int | None = None) -> socket.socket:
    client = socket.socket()
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(CUT_OFF_S)
    client.connect(("127.0.0.1", service.port))
    client.sendall(sent)
    return client


def rest(client: socket.socket) -> bytes:
    """Return what comes until the end of the connection, a reset included."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            answer += part
    return answer


def trickle(client: socket.socket, piece: bytes, every_s: float = 0.2) -> None:
    """Send a piece again and again until the other side has had enough."""
    deadline = time.monotonic() + CUT_OFF_S
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            client.sendall(piece)
            time.sleep(every_s)


def test_slow_headers_and_bodies_get_408(hasty: Service, connect: Callable[..., socket.socket]) -> None:
    """A request that does not arrive in time is answered 408 and cut off, while others are served."""
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    half = {
        "headers": connect(hasty, b"GET /livez HTTP/1.1\r\nX-Slow: "),
        "body": connect(hasty, head + b"{"),
        "body behind an upgrade": connect(hasty, head.replace(b"Host", UPGRADE + b"Host") + b"{"),
    }
    for what, client in half.items():
        assert hasty.predict(ROW).status_code == 200
        answer = rest(client)
        assert answer.startswith(b"HTTP/1.1 408 "), what
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "request_timeout"
        assert b"connection: close" in answer


def test_a_trickle_is_no_progress(hasty: Service, connect: Callable[..., socket.socket]) -> None:
    """A byte now and then does not keep a request alive: the limit is for all of it."""
    before = hasty.metric("http_requests_total", code="408")
    client = connect(hasty, b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    trickle(client, b"a")
    wait_for(lambda: hasty.metric("http_requests_total", code="408") == before + 1, CUT_OFF_S)
    assert hasty.predict(ROW).status_code == 200


def test_a_client_that_does_not_read_is_cut_off(
    hasty: Service, connect: Callable[..., socket.socket]
) -> None:
    """Answers that nobody reads end the connection after a while, and its memory is given back."""
    [api] = hasty.apis()
    body = json.dumps({"instances": [ROW] * 2000, "explain": True}).encode()
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    before = len(api.net_connections("tcp"))
    connect(hasty, request * 3, receive_buffer=4096)
    wait_for(lambda: len(api.net_connections("tcp")) > before)
    wait_for(lambda: len(api.net_connections("tcp")) <= before, CUT_OFF_S)
    assert hasty.predict(ROW).status_code == 200


def test_a_few_unread_answers_do_not_outlive_their_connection(
    brief: Service, connect: Callable[..., socket.socket]
) -> None:
    """Answers too few to stop the reading, but more than the kernel takes, do not keep a connection open."""
    [api] = brief.apis()
    before = len(api.net_connections("tcp"))
    # The kernel takes up to about 2.5 MB; one of these steps of 35 KB leaves less than a pause in user space.
    for count in range(60, 90):
        connect(brief, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * count, receive_buffer=4096)
    wait_for(lambda: len(api.net_connections("tcp")) > before)
    wait_for(lambda: len(api.net_connections("tcp")) <= before, CUT_OFF_S)


def test_an_idle_connection_keeps_nothing_of_its_last_request(
    start: Callable[..., Service], connect: Callable[..., socket.socket]
) -> None:
    """What a client has sent is let go with its answer, not when it sends more or leaves."""
    service = start(api_servers=1)
    [api] = service.apis()
    body = json.dumps({"instances": [ROW] * 350}).encode()
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    assert service.http.post("/predict", content=body).status_code == 200
    before = api.memory_info().rss
    for _ in range(IDLE):
        client = connect(service, request)
        while b'"predictions"' not in client.recv(1 << 20):
            pass
    assert api.memory_info().rss - before < IDLE * len(body) / 2


def test_idle_connections_end(brief: Service, connect: Callable[..., socket.socket]) -> None:
    """A connection without a request ends after the keep-alive time."""
    client = connect(brief)
    assert rest(client) == b""
    used = connect(brief, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert rest(used).endswith(b"ok")


def test_more_connections_than_descriptors_are_refused_without_a_spin(start: Callable[..., Service]) -> None:
    """With 256 descriptors and 5,000 idle clients the service stays calm, and recovers when they go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    clients: list[socket.socket] = []
    try:
        service = start(limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
        clients += [socket.socket() for _ in range(5000)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", service.port))
        wait_for(lambda: not service.ready())
        processes = service.tree()
        before = [sum(process.cpu_times()[:2]) for process in processes]
        started = time.monotonic()
        wait_for(lambda: time.monotonic() - started > 2)
        used = sum(sum(p.cpu_times()[:2]) - b for p, b in zip(processes, before, strict=True))
        assert 100 * used / (time.monotonic() - started) < MAX_IDLE_CPU
        for client in clients:
            client.close()
        wait_for(service.ready)
        assert service.predict(ROW).status_code == 200
        assert all(process.status() != psutil.STATUS_ZOMBIE for process in service.tree())
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
