"""The supervisor: replaces, gives up, drains; over processes and a clock that a test plays."""

import logging
import signal
import socket
from collections.abc import Callable

import pytest

from service.errors import StartError
from service.host import supervisor
from service.host.supervisor import EARLY_DEATHS, END_S, HURRY_S, POLL_S, longest_end_s
from tests.service.host.scene import Process, Scene


def test_it_starts_everything_and_ends_it(
    play: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    """A drain: told to balancers, then the listener closes, then nothing is left."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.send(signal.SIGTERM, 3)
    with caplog.at_level(logging.INFO, "logitserve"):
        one.run()
    assert [name for name, _, _ in one.started] == ["api", "api"]
    assert one.counted["up"] == [("0", 1), ("1", 1)]
    assert "ready after 1.0 s" in caplog.text
    assert one.deployment.flags.draining()
    assert one.listener.fileno() == -1
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])
    assert not any(process.killed for process in one.apis)


def test_a_dead_http_process_is_replaced(play: Callable[..., Scene]) -> None:
    """In its slot, whose metrics it goes on with."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: setattr(one.apis[1], "exitcode", -11))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.started[2:] == [("api", 1, 1002.0)]


def test_http_processes_that_keep_ending_end_the_service(play: Callable[..., Scene]) -> None:
    """They will not get better."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    for number in range(EARLY_DEATHS + 1):
        one.at(2 + number, lambda: setattr(one.apis[0], "exitcode", 3))
    with pytest.raises(StartError, match="HTTP processes keep ending, the last with status 3"):
        one.run()


def test_nothing_is_started_in_a_drain(play: Callable[..., Scene]) -> None:
    """What dies then stays dead."""
    one = play(drain_s=5)
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.at(3, lambda: one.end_worker(0, -9))
    one.run()
    assert len(one.started) == 2
    assert one.counted["restarts"] == []
    assert one.now >= 1007


@pytest.mark.parametrize(
    ("second", "after_s", "hurries"),
    [
        (signal.SIGTERM, HURRY_S, True),
        (signal.SIGINT, HURRY_S, True),
        (signal.SIGTERM, 0.1, False),
        (signal.SIGHUP, HURRY_S, False),
    ],
)
def test_a_second_signal_means_it(
    play: Callable[..., Scene], second: int, after_s: float, *, hurries: bool
) -> None:
    """Unless it comes with the first, as of GNU timeout, or is a hangup."""
    one = play(drain_s=30)
    one.ends = False
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.send(second, 2 + after_s)
    one.run()
    assert (one.now - 1000 < 2 + after_s + 1) is hurries
    assert all(process.killed for process in one.apis)


def test_what_does_not_end_is_killed(play: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """When each step of the end has taken its longest, and not before."""
    one = play(drain_s=2, timeout_s=7)
    one.ends = False
    monkeypatch.setattr(supervisor, "waiting", lambda _: 1)
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.run()
    assert all(process.killed for process in [*one.apis, *one.workers])
    longest_s = longest_end_s(one.deployment.settings)
    assert longest_s <= one.now - 1002 <= longest_s + POLL_S


def test_ctrl_c_before_it_was_ready_is_told(play: Callable[..., Scene]) -> None:
    """There is nobody to drain for."""
    one = play(drain_s=30)
    one.send(signal.SIGINT, 1)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert one.now - 1000 < 1 + END_S
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])


def test_a_lost_run_directory_is_told_once(
    play: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    """Not each second; and again when it is lost again."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: setattr(one, "lost", OSError("gone")))
    one.at(12, lambda: setattr(one, "lost", None))
    one.at(22, lambda: setattr(one, "lost", OSError("gone")))
    one.send(signal.SIGTERM, 32)
    one.run()
    assert caplog.text.count("the run directory is lost: gone") == 2


def test_children_never_see_the_signals_that_main_acts_on(
    play: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are blocked while one is started, and only then."""
    one = play()
    seen = []
    real = one.start_api

    def start_api(slot: int, listener: socket.socket) -> Process:
        seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        return real(slot, listener)

    monkeypatch.setattr(one, "start_api", start_api)
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.run()
    assert len(seen) == 2
    assert all({signal.SIGTERM, signal.SIGINT, signal.SIGHUP} <= blocked for blocked in seen)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
