"""What the librarian offers of a store, whatever happens to the store, and its process."""

import base64
import contextlib
import itertools
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.artifact import MANIFEST
from models.repository import Repository
from models.signature import SigningKey, TrustedKeys
from service.library.desk import Answer
from service.library.librarian import POLL_S, Librarian, start
from service.library.staged import discard, is_whole, load
from service.library.table import Offer, Served
from service.run_directory import draft_path, models_path, version_path
from tests.models.kubelet import mount, tree
from tests.service.publishing import publish

WAIT_S = 30


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


@pytest.fixture
def librarian(store: Path, run_dir: Path) -> Callable[..., Librarian]:
    """Make a librarian, of `tiny` where nothing else is given."""

    def make(default: str = "tiny", max_versions: int = 8, **more: Any) -> Librarian:
        return Librarian(store, run_dir, default, max_versions=max_versions, **more)

    return make


def offered(offer: Offer) -> list[tuple[str, int]]:
    """Return models and numbers of an offer."""
    return [(served.model, served.version) for served in offer.wanted]


def reasons(offer: Offer) -> list[tuple[str, int | None, str]]:
    """Return what was refused, and why in a word."""
    return [(refused.model, refused.version, refused.reason) for refused in offer.refused]


def test_current_is_followed(librarian: Callable[..., Librarian], store: Path, run_dir: Path) -> None:
    """Forth and back; what is offered can be loaded, and what was offered before still can."""
    first = publish(store, "tiny", b"one")
    found = librarian()
    assert found.look() == found.look() == Offer((Served("tiny", 1, first.digest),), ())
    second = publish(store, "tiny", b"two")
    assert found.look() == Offer((Served("tiny", 2, second.digest),), ())
    Repository(store).promote("tiny", 1)
    assert found.look() == Offer((Served("tiny", 1, first.digest),), ())
    for artifact in (first, second):
        assert load(run_dir, artifact.digest).manifest == artifact.manifest


def test_what_is_not_what_its_manifest_says_is_refused_until_it_is(
    librarian: Callable[..., Librarian], store: Path
) -> None:
    """The version before stays; the message names the file."""
    first = publish(store, "tiny", b"one")
    found = librarian()
    found.look()
    second = publish(store, "tiny", b"two")
    content = (second.path / "model.pt").read_bytes()
    (second.path / "model.pt").write_bytes(content[:-1])
    offer = found.look()
    assert offer.wanted == (Served("tiny", 1, first.digest),)
    [refused] = offer.refused
    assert refused[:4] == ("tiny", 2, second.digest, "broken")
    assert refused.message.startswith(f"{second.path / 'model.pt'}: ")
    assert found.look() == offer
    (second.path / "model.pt").write_bytes(content)
    assert found.look() == Offer((Served("tiny", 2, second.digest),), ())


def _delete_model(store: Path) -> None:
    shutil.rmtree(store / "tiny")


def _delete_current(store: Path) -> None:
    (store / "tiny" / "CURRENT").unlink()


def _unmount(store: Path) -> None:
    store.rename(store.with_name("gone"))


def _empty(store: Path) -> None:
    _unmount(store)
    store.mkdir()


def _replace_by_a_file(store: Path) -> None:
    _unmount(store)
    store.touch()


@pytest.mark.parametrize(
    "vanish",
    [_delete_model, _delete_current, _unmount, _empty, _replace_by_a_file],
    ids=lambda each: each.__name__,
)
def test_what_vanishes_stays_and_is_missed(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path, vanish: Callable[[Path], None]
) -> None:
    """For whoever follows, until the copy is gone too; a librarian that takes over knows it as well."""
    artifact = publish(store, "tiny")
    found = librarian()
    before = found.look()
    vanish(store)
    offer = found.look()
    assert offer.wanted == before.wanted
    assert reasons(offer) == [("tiny", None, "missing")]
    heir = librarian()
    heir.resume(before)
    assert heir.look() == offer
    discard(run_dir, artifact.digest)
    assert found.look() == Offer((), offer.refused)


def test_a_store_that_comes_back_is_served_again(librarian: Callable[..., Librarian], store: Path) -> None:
    """With what is in it then."""
    publish(store, "tiny")
    found = librarian()
    found.look()
    _unmount(store)
    found.look()
    other = publish(store, "tiny", b"other")
    assert found.look() == Offer((Served("tiny", 1, other.digest),), ())


def test_a_number_with_other_bytes_is_another_version(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path
) -> None:
    """Known by its digest; the former one's copy is left as it is."""
    former = publish(store, "tiny", b"one")
    found = librarian()
    found.look()
    _delete_model(store)
    later = publish(store, "tiny", b"two")
    assert former.digest != later.digest
    assert found.look() == Offer((Served("tiny", 1, later.digest),), ())
    load(run_dir, former.digest)


@pytest.mark.parametrize("control", [{}, {"wanted": {"tiny": None}}], ids=["follow", "fixed"])
def test_a_copy_that_was_lost_is_made_again(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path, control: dict[str, Any]
) -> None:
    """One that lost a file, and all of them."""
    artifact = publish(store, "tiny")
    found = librarian(**control)
    offer = found.look()
    (version_path(run_dir, artifact.digest) / "model.pt").unlink()
    assert found.look() == offer
    assert is_whole(run_dir, artifact.digest)
    shutil.rmtree(models_path(run_dir))
    assert found.look() == offer
    assert is_whole(run_dir, artifact.digest)


def test_what_cannot_be_copied_stays_where_it_is_loaded(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path
) -> None:
    """And is copied as soon as it can be."""
    artifact = publish(store, "tiny")
    found = librarian()
    before = found.look()
    shutil.rmtree(run_dir)
    offer = found.look()
    assert offer.wanted == before.wanted
    assert reasons(offer) == [("tiny", 1, "unusable")]
    assert offer.refused[0].message == "tiny: it could not be staged: No such file or directory"
    run_dir.mkdir()
    assert found.look() == before
    assert is_whole(run_dir, artifact.digest)


def test_models_that_do_not_fit_are_named(librarian: Callable[..., Librarian], store: Path) -> None:
    """The default one goes first, then they go by name; one that is refused takes no place."""
    for name in ("ant", "bee", "cat", "tiny"):
        publish(store, name)
    found = librarian(max_versions=2)
    offer = found.look()
    assert offered(offer) == [("tiny", 1), ("ant", 1)]
    assert reasons(offer) == [("bee", None, "limit"), ("cat", None, "limit")]
    assert offer.refused[0].message == "bee: more than the 2 versions of SERVICE_MAX_VERSIONS"
    broken = librarian(max_versions=2)
    (store / "ant" / "1" / MANIFEST).write_text("{}")
    offer = broken.look()
    assert offered(offer) == [("tiny", 1), ("bee", 1)]
    assert reasons(offer) == [("ant", 1, "broken"), ("cat", None, "limit")]


def test_named_models_are_followed_alone(librarian: Callable[..., Librarian], store: Path) -> None:
    """Those that are not there are missed until they are."""
    publish(store, "tiny")
    publish(store, "other")
    found = librarian(names=("tiny", "later"))
    offer = found.look()
    assert offered(offer) == [("tiny", 1)]
    assert reasons(offer) == [("later", None, "missing")]
    publish(store, "later")
    offer = found.look()
    assert offered(offer) == [("tiny", 1), ("later", 1)]
    assert reasons(offer) == []


def test_a_store_without_models_misses_the_default_one(librarian: Callable[..., Librarian]) -> None:
    """Or without itself."""
    assert reasons(librarian().look()) == [("tiny", None, "missing")]


@pytest.mark.parametrize(("versions", "number"), [((1,), 1), (None, 2)])
def test_a_pinned_version_stays(
    librarian: Callable[..., Librarian], store: Path, versions: tuple[int, ...] | None, number: int
) -> None:
    """Whatever CURRENT says later, and whatever becomes of the store."""
    publish(store, "tiny", b"one")
    publish(store, "tiny", b"two")
    found = librarian(wanted={"tiny": versions})
    offer = found.look()
    assert offered(offer) == [("tiny", number)]
    publish(store, "tiny", b"three")
    publish(store, "other")
    assert found.look() == offer
    _unmount(store)
    assert found.look() == offer
    heir = librarian(wanted={"tiny": versions})
    heir.resume(offer)
    assert heir.look() == offer


def test_a_pinned_version_is_waited_for(librarian: Callable[..., Librarian], store: Path) -> None:
    """And missed meanwhile."""
    publish(store, "tiny", b"one")
    found = librarian(wanted={"tiny": (2,)})
    assert found.look().wanted == ()
    assert reasons(found.look()) == [("tiny", 2, "missing")]
    publish(store, "tiny", b"two")
    assert offered(found.look()) == [("tiny", 2)]


def test_models_are_loaded_and_unloaded(librarian: Callable[..., Librarian], store: Path) -> None:
    """Of several versions the highest is the current one; CURRENT's is the one of that moment."""
    for content in (b"one", b"two", b"three"):
        publish(store, "tiny", content)
    publish(store, "other")
    found = librarian(wanted={})
    assert found.look() == Offer((), ())
    assert found.load("tiny", [3, 1]) is None
    assert found.load("other", None) is None
    assert offered(found.look()) == [("tiny", 1), ("tiny", 3), ("other", 1)]
    publish(store, "other", b"two")
    assert offered(found.look())[2:] == [("other", 1)]
    assert found.load("other", None) is None
    assert found.load("tiny", [2]) is None
    offer = found.look()
    assert offered(offer) == [("tiny", 2), ("other", 2)]
    heir = librarian(wanted={})
    heir.resume(offer)
    assert heir.look() == offer
    assert found.unload("tiny") is None
    assert found.unload("tiny") == "tiny: not loaded"
    assert offered(found.look()) == [("other", 2)]


def test_a_load_that_fails_changes_nothing(librarian: Callable[..., Librarian], store: Path) -> None:
    """It says why; all versions are had, or none is."""
    publish(store, "tiny", b"one")
    publish(store, "tiny", b"two")
    found = librarian(wanted={"tiny": None}, max_versions=2)
    offer = found.look()
    assert found.load("tiny", [1, 9]) == f"{store / 'tiny' / '9'}: not in the store"
    assert found.load("wine", None) == f"{store / 'wine'}: not in the store"
    assert (found.load("../tiny", None) or "").startswith("'../tiny' is not a model name")
    assert found.load("other", [1, 2]) == "other: more than the 2 versions of SERVICE_MAX_VERSIONS"
    assert found.look() == offer


def test_what_follows_current_is_not_loaded_by_request(
    librarian: Callable[..., Librarian], store: Path
) -> None:
    """Nor unloaded."""
    publish(store, "tiny")
    found = librarian()
    offer = found.look()
    assert found.load("tiny", [1]) == found.unload("tiny") == "tiny: what is served follows CURRENT"
    assert found.look() == offer


def test_a_version_that_nobody_trusted_signed_is_refused(
    librarian: Callable[..., Librarian], store: Path, tmp_path: Path
) -> None:
    """The one before stays, and the new one is taken when it is signed."""
    key, other = SigningKey.make(tmp_path / "key.pem"), SigningKey.make(tmp_path / "other.pem")
    (tmp_path / "keys").write_text(f"me:{base64.b64encode(key.public).decode()}\n")
    publish(store, "tiny", b"one")
    Repository(store).sign("tiny", 1, key)
    found = librarian(trusted=TrustedKeys.read(tmp_path / "keys"))
    assert offered(found.look()) == [("tiny", 1)]
    publish(store, "tiny", b"two")
    Repository(store).sign("tiny", 2, other)
    offer = found.look()
    assert offered(offer) == [("tiny", 1)]
    assert reasons(offer) == [("tiny", 2, "unsigned")]
    Repository(store).sign("tiny", 2, key)
    assert offered(found.look()) == [("tiny", 2)]


def test_a_copy_on_offer_is_not_discarded(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path
) -> None:
    """It may be so again since main asked for it."""
    former = publish(store, "tiny", b"one")
    found = librarian()
    found.look()
    found.discard(former.digest)
    assert is_whole(run_dir, former.digest)
    publish(store, "tiny", b"two")
    found.look()
    found.discard(former.digest)
    assert not version_path(run_dir, former.digest).exists()


def _promote(store: Path) -> None:
    for version in itertools.cycle((1, 2)):
        Repository(store).promote("tiny", version)
        time.sleep(0.1)


def _publish_anew(store: Path) -> None:
    for number in itertools.count():
        publish(store, "tiny", b"%d" % number)
        for version in Repository(store).versions("tiny")[:-2]:
            (store / "tiny" / str(version)).rename(store / "tiny" / f".old-{version}")
        time.sleep(0.1)


def _switch(store: Path) -> None:
    volume = store.with_name("volume")
    for former in itertools.cycle((store.with_name("first"), store.with_name("second"))):
        mount(volume, tree(former))
        time.sleep(0.1)


@contextlib.contextmanager
def meanwhile(work: Callable[[Path], None], store: Path) -> Iterator[None]:
    """Have it done in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=work, args=(store,))
    process.start()
    try:
        yield
        assert process.is_alive()
    finally:
        process.kill()
        process.join()


@pytest.mark.parametrize("work", [_promote, _publish_anew])
def test_a_store_that_changes_ten_times_a_second_is_read_without_a_refusal(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path, work: Callable[[Path], None]
) -> None:
    """CURRENT replaced, versions added and taken away: whatever is offered is whole."""
    publish(store, "tiny", b"one")
    publish(store, "tiny", b"two")
    found = librarian()
    seen = set()
    with meanwhile(work, store):
        ends = time.monotonic() + WAIT_S
        while len(seen) < 2 or ends - time.monotonic() > WAIT_S - 2:
            offer = found.look()
            assert offer.refused == ()
            [served] = offer.wanted
            assert load(run_dir, served.digest).manifest.version == served.version
            seen.add(served.digest)
            assert time.monotonic() < ends


def test_a_mount_that_is_switched_ten_times_a_second_is_read_without_a_refusal(
    tmp_path: Path, run_dir: Path
) -> None:
    """Each time all of it is other bytes under the same names."""
    digests = {publish(tmp_path / name, "tiny", name.encode()).digest for name in ("first", "second")}
    mount(tmp_path / "volume", tree(tmp_path / "first"))
    found = Librarian(tmp_path / "volume", run_dir, "tiny", max_versions=2)
    seen = set()
    with meanwhile(_switch, tmp_path / "store"):
        ends = time.monotonic() + WAIT_S
        while seen != digests or ends - time.monotonic() > WAIT_S - 2:
            offer = found.look()
            assert offer.refused == ()
            [served] = offer.wanted
            load(run_dir, served.digest)
            seen.add(served.digest)
            assert time.monotonic() < ends


class Running:
    """A librarian's process, and main's end of its desk."""

    def __init__(self, librarian: Librarian, inherited: tuple[int, ...] = ()) -> None:
        self.process, self.desk = start(librarian, inherited)
        self._said: list[Offer | Answer] = []

    def next(self) -> Offer | Answer:
        """Return what it says next, as soon as it does."""
        ends = time.monotonic() + WAIT_S
        while not self._said:
            assert connection.wait([self.desk.fileno()], ends - time.monotonic()), "nothing was said"
            self._said += self.desk.take()
        return self._said.pop(0)

    def ends(self) -> bool:
        """Return whether the process ends by itself."""
        self.process.join(WAIT_S)
        return not self.process.is_alive()

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.join()
        self.desk.close()


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    """Start processes of librarians, which are ended in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda *made: stack.enter_context(contextlib.closing(Running(*made)))


def test_an_offer_is_told_when_it_is_another(
    librarian: Callable[..., Librarian], store: Path, running: Callable[..., Running]
) -> None:
    """And not again: what comes after the first is of the next version."""
    first = publish(store, "tiny", b"one")
    process = running(librarian())
    assert process.next() == Offer((Served("tiny", 1, first.digest),), ())
    assert not connection.wait([process.desk.fileno()], 2.5 * POLL_S)
    second = publish(store, "tiny", b"two")
    assert process.next() == Offer((Served("tiny", 2, second.digest),), ())


def test_requests_are_answered_after_the_offer_that_they_change(
    librarian: Callable[..., Librarian], store: Path, run_dir: Path, running: Callable[..., Running]
) -> None:
    """With what they were; the copy of what is unloaded goes when main says so."""
    artifact = publish(store, "tiny")
    process = running(librarian(wanted={}))
    assert process.next() == Offer((), ())
    process.desk.ask({"load": "tiny", "versions": [1], "id": 3})
    assert process.next() == Offer((Served("tiny", 1, artifact.digest),), ())
    assert process.next() == Answer({"load": "tiny", "versions": [1], "id": 3}, None)
    process.desk.ask({"load": "wine", "versions": None})
    assert process.next() == Answer({"load": "wine", "versions": None}, f"{store / 'wine'}: not in the store")
    process.desk.ask({"unload": "tiny"})
    assert process.next() == Offer((), ())
    assert process.next() == Answer({"unload": "tiny"}, None)
    assert is_whole(run_dir, artifact.digest)
    process.desk.ask({"discard": artifact.digest})
    assert process.next() == Answer({"discard": artifact.digest}, None)
    assert not version_path(run_dir, artifact.digest).exists()


def test_a_librarian_that_hangs_holds_nobody_up(
    librarian: Callable[..., Librarian], store: Path, running: Callable[..., Running]
) -> None:
    """As with a mount that does: main asks and hears nothing, and the answer comes when it goes on."""
    publish(store, "tiny")
    process = running(librarian(wanted={}))
    process.next()
    os.kill(process.process.pid or 0, signal.SIGSTOP)
    process.desk.ask({"load": "tiny", "versions": None})
    assert process.desk.take() == []
    os.kill(process.process.pid or 0, signal.SIGCONT)
    assert isinstance(process.next(), Offer)
    assert process.next() == Answer({"load": "tiny", "versions": None}, None)


def test_a_librarian_that_hangs_keeps_no_port(
    librarian: Callable[..., Librarian], running: Callable[..., Running]
) -> None:
    """What it inherited it closed: the next service can start."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        process = running(librarian(), (listener.fileno(),))
        process.next()
        os.kill(process.process.pid or 0, signal.SIGSTOP)
    socket.create_server(address).close()


def test_a_librarian_whose_desk_is_closed_ends(
    librarian: Callable[..., Librarian], running: Callable[..., Running]
) -> None:
    """There is nobody to tell."""
    process = running(librarian())
    process.next()
    process.desk.close()
    assert process.ends()
    assert process.process.exitcode == 0


def test_signals_are_mains_alone(
    librarian: Callable[..., Librarian], running: Callable[..., Running]
) -> None:
    """As a terminal sends them to the whole group."""
    process = running(librarian(wanted={}))
    process.next()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(process.process.pid or 0, number)
    process.desk.ask({"unload": "tiny"})
    assert process.next() == Answer({"unload": "tiny"}, "tiny: not loaded")


def test_what_its_predecessor_was_copying_is_swept_away(
    librarian: Callable[..., Librarian], run_dir: Path, running: Callable[..., Running]
) -> None:
    """As it cannot be finished."""
    draft_path(run_dir).mkdir(parents=True)
    running(librarian()).next()
    assert list(models_path(run_dir).iterdir()) == []


# Run as `python -c`: a main that starts a librarian, says which process that is, and is killed.
MAIN = """
import os, signal, sys
from multiprocessing import connection
from pathlib import Path
from service.library.librarian import Librarian, start

process, desk = start(Librarian(Path(sys.argv[1]), Path(sys.argv[2]), "tiny", max_versions=2))
connection.wait([desk.fileno()])
assert desk.take()
print(process.pid, "torch" in sys.modules, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_librarian_ends_with_main(store: Path, run_dir: Path) -> None:
    """However main ends; and neither has torch in its memory."""
    publish(store, "tiny")
    command = [sys.executable, "-c", MAIN, str(store), str(run_dir)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=WAIT_S, check=False)
    assert ended.returncode == -signal.SIGKILL
    pid, torch = ended.stdout.split()
    assert torch == "False"
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(pid)).wait(WAIT_S)
