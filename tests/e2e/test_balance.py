"""Connections are shared between the HTTP processes, and stay so when one of them starts anew."""

import contextlib
from collections.abc import Callable

import psutil

from tests.e2e.raw import Client
from tests.e2e.running import Service, wait_for

POST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def held(service: Service) -> list[int]:
    """Return how many connections each HTTP process has."""
    return [len(established(api, service.port)) for api in service.apis()]


def established(api: psutil.Process, port: int) -> list[object]:
    """Return an HTTP process's connections to clients."""
    return [
        each
        for each in api.net_connections("tcp")
        if each.status == "ESTABLISHED" and each.laddr.port == port
    ]


def ask(client: Client) -> bool:
    """Return whether a client is answered, and its connection stays."""
    try:
        client.send(POST)
        answer = client.answer()
    except ConnectionError:
        return False
    return answer is not None and b"connection: close" not in answer.head


def opened(stack: contextlib.ExitStack, service: Service) -> Client:
    """Return a kept-alive connection that has been answered once."""
    client = stack.enter_context(Client(service))
    client.send(POST)
    assert client.answer() is not None
    return client


def fair(counts: list[int]) -> bool:
    """Return whether no process holds more than half over its share, or one more than its share."""
    share = sum(counts) / len(counts)
    return max(counts) <= max(1.5 * share, share + 1)


def test_kept_alive_connections_are_shared(start: Callable[..., Service]) -> None:
    """From the start on, and again after all went."""
    service = start(api_servers=2)
    for count in (8, 32, 2, 8, 32):
        with contextlib.ExitStack() as stack:
            for _ in range(count):
                opened(stack, service)
            assert sum(held(service)) == count
            assert fair(held(service)), held(service)
        wait_for(lambda: sum(held(service)) == 0)


def test_they_are_shared_again_after_a_process_started_anew(start: Callable[..., Service]) -> None:
    """Who holds too many ends some with their answers, until the new process has its share."""
    service = start(api_servers=2)
    with contextlib.ExitStack() as stack:
        clients = [opened(stack, service) for _ in range(8)]
        service.apis()[0].kill()

        def shared() -> bool:
            for place, client in enumerate(clients):
                if not ask(client):
                    clients[place] = opened(stack, service)
            counts = held(service)
            return len(counts) == 2 and sum(counts) == 8 and fair(counts)

        wait_for(shared)
        assert all(ask(client) for client in clients)
