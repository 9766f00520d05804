"""What answers in an HTTP process: by the table that is committed, whatever becomes of files."""

import asyncio
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from models.artifact import Artifact
from service.catalogue import FORMER, LABELLED_S, SHOWN_S, Version
from service.errors import InternalError, NoSuchModelError
from service.feedback.labels import Item
from service.feedback.token import classes_digest
from service.library.table import Refused, Table
from service.metrics.declared import Metrics
from service.plane.places import Places
from service.settings import Settings
from tests.service.answering import Store, answering, numbered
from tests.service.calls import KeptCall
from tests.service.feedback.taking import taking
from tests.service.ledgers import open_ledger
from tests.service.plane.workbench import leave, take
from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def store() -> Store:
    """What main shares with HTTP processes."""
    return Store()


@pytest.fixture
def new(tiny: Artifact) -> Artifact:
    """The version after `tiny`."""
    return numbered(tiny, 4)


@pytest.fixture
def other(mixed: Artifact) -> Artifact:
    """Another model."""
    return numbered(mixed, 1, "other")


def test_a_new_table_is_taken_with_the_next_request(store: Store, tiny: Artifact, new: Artifact) -> None:
    """By whichever way it comes; the one before answers until main commits."""
    store.commit(1, tiny)
    catalogues = [store.catalogue() for _ in range(4)]
    store.write(2, tiny, new)
    by_default, by_name, by_number, shown = catalogues
    assert by_default.predict().queue.digest.hex() == tiny.digest
    store.committed.number = 2
    assert by_default.predict().queue.digest.hex() == new.digest
    assert by_name.find("tiny").number == "4"
    assert by_number.find("tiny", "4").digest == new.digest
    assert [served.version for served in shown.current()] == [4]


def test_a_version_answers_by_its_number_too(tiny: Artifact, new: Artifact, other: Artifact) -> None:
    """While it is in the table; without a number it is the current one."""
    found = answering(tiny, new, other)
    assert [found.find("tiny", number).digest for number in ("3", "4")] == [tiny.digest, new.digest]
    assert found.find("tiny").number == "4"
    assert found.find("other").digest == other.digest
    assert [version.number for version in found.of("tiny")] == ["3", "4"]
    assert [(served.model, served.version) for served in found.current()] == [("tiny", 4), ("other", 1)]


@pytest.mark.parametrize(
    "name", [("Tiny", None), ("tiny", "5"), ("tiny", "03"), ("tiny", ""), ("other", None), ("", None)]
)
def test_what_does_not_answer_is_not_known(tiny: Artifact, name: tuple[str, str | None]) -> None:
    """Names are compared."""
    found = answering(tiny)
    with pytest.raises(NoSuchModelError):
        found.find(*name)
    assert not found.knows(*name)
    assert found.knows("tiny")
    assert found.knows("tiny", "3")


def test_of_a_model_that_does_not_answer_there_are_no_versions(tiny: Artifact) -> None:
    """It is not known."""
    with pytest.raises(NoSuchModelError):
        answering(tiny).of("other")


def test_a_default_model_that_is_unloaded_is_not_known(store: Store, tiny: Artifact, other: Artifact) -> None:
    """Other models answer; it does again when it is loaded."""
    store.commit(1, tiny, other)
    found = store.catalogue()
    store.tables[2] = store.tables[1]._replace(
        current={"other": other.digest}, versions=store.tables[1].versions[1:]
    )
    store.committed.number = 2
    assert not found.serves()
    with pytest.raises(NoSuchModelError):
        found.predict()
    with pytest.raises(NoSuchModelError):
        found.default()
    assert found.find("other").predict.queue.digest.hex() == other.digest
    store.commit(3, tiny, other)
    assert found.serves()
    assert found.predict().queue.digest.hex() == tiny.digest


def test_what_a_request_found_stays_its_own(store: Store, tiny: Artifact, other: Artifact) -> None:
    """It is decoded and answered by one version, whatever is committed meanwhile."""
    store.commit(1, tiny)
    found = store.catalogue()
    queue, decode = found.predict()
    store.commit(2, numbered(other, 5, "tiny"))
    assert found.predict().queue is not queue
    call = KeptCall(b'{"instances": [[1, 2]]}')
    decode(call)
    assert (call.rows, queue.columns) == (1, 2)


def test_a_table_that_is_gone_has_a_successor(store: Store, tiny: Artifact, new: Artifact) -> None:
    """Main removes old ones: between the look at the number and the file there may be a newer one."""
    store.commit(1, tiny)
    found = store.catalogue()
    store.committed.number = 2

    def read(number: int) -> Table:
        if number == 2:
            store.commit(3, new)
        return store.read(number)

    found._read = read
    assert found.find("tiny").digest == new.digest
    assert found.number == 3


def test_a_table_that_is_gone_without_a_successor_is_waited_for(
    store: Store, tiny: Artifact, new: Artifact
) -> None:
    """By the former one it is answered until main has written the file anew."""
    store.commit(1, tiny)
    found = store.catalogue()
    store.committed.number = 2
    for _ in range(2):
        assert found.predict().queue.digest.hex() == tiny.digest
        assert found.number == 1
    store.write(2, tiny, new)
    assert found.predict().queue.digest.hex() == new.digest


def test_a_version_whose_copy_is_gone_answers_when_it_is_back(
    store: Store, tiny: Artifact, new: Artifact, caplog: pytest.LogCaptureFixture
) -> None:
    """Who asks meanwhile gets an error of ours; the other versions answer."""
    store.commit(1, tiny, new)
    del store.copies[new.digest]
    found = store.catalogue()
    assert found.find("tiny", "3").digest == tiny.digest
    for ask in (found.predict, lambda: found.find("tiny", "4")):
        with pytest.raises(InternalError, match="cannot be read"):
            ask()
    assert found.serves()
    assert found.knows("tiny")
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    store.copies[new.digest] = new
    assert found.predict().queue.digest.hex() == new.digest
    assert found.predict() is found.find("tiny", "4").predict


def test_a_table_is_prepared_before_it_is_committed(store: Store, tiny: Artifact, new: Artifact) -> None:
    """Its versions are open then, so that no request waits for a file; it answers nothing yet."""
    store.commit(1, tiny)
    found = store.catalogue()
    store.write(2, tiny, new)
    found.prepare(2)
    assert store.loaded == [tiny.digest, new.digest]
    assert found.find("tiny").digest == tiny.digest
    store.committed.number = 2
    assert found.find("tiny").digest == new.digest
    assert store.loaded == [tiny.digest, new.digest]
    found.prepare(1000)  # which is gone, as there is a newer one


def test_a_version_is_opened_once(store: Store, tiny: Artifact, new: Artifact) -> None:
    """Through any number of tables, until one does not have it."""
    for number in range(1, 5):
        store.commit(number, tiny)
        if number == 1:
            found = store.catalogue()
        version = found.default()
    assert store.loaded == [tiny.digest]
    store.commit(5, new)
    found.default()
    store.commit(6, tiny)
    assert found.default() is not version
    assert store.loaded == [tiny.digest, new.digest, tiny.digest]


def test_a_number_whose_bytes_are_others_is_another_version(store: Store, tiny: Artifact) -> None:
    """Versions are known by their digest."""
    store.commit(1, tiny)
    found = store.catalogue()
    again = Artifact(tiny.path, tiny.manifest, "ef" * 32)
    store.commit(2, again)
    assert found.find("tiny", "3").digest == again.digest


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Metrics, CollectorRegistry]]:
    """An HTTP process's metrics, in memory."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
    registry = CollectorRegistry()
    folder = tmp_path / "metrics"
    folder.mkdir()
    with open_ledger(folder, registry) as ledger:
        yield Metrics(registry, ledger, lambda: 0, 1), registry


def scored(registry: CollectorRegistry, version: str) -> float | None:
    """Return the requests that a scrape would count."""
    labels = {"model": "tiny", "version": version, "outcome": "success"}
    return registry.get_sample_value("logitserve_model_requests_total", labels)


def test_what_a_leaving_version_counted_is_not_lost(
    store: Store, tiny: Artifact, new: Artifact, metrics: tuple[Metrics, CollectorRegistry]
) -> None:
    """Before it leaves, and while its last requests wait for their answers."""
    store.commit(1, tiny)
    found = store.catalogue(metrics=metrics[0])
    version, call = found.default(), KeptCall(b"")
    call.queue = version.queue
    take(found._places, call)
    version.counts.scored += 5
    for number, later in ((2, 2), (3, 4)):
        store.commit(number, new)
        found.predict()
        version.counts.scored += later
    metrics[0].flush()
    assert scored(metrics[1], "3") == 11
    version.counts.scored += 1
    leave(found._places, call)
    for number in (4, 5):
        store.commit(number, new)
        found.predict()
    assert scored(metrics[1], "3") == 12
    assert [counts.version for counts in metrics[0].version_counts] == ["4"]


def test_a_version_that_left_is_over_after_a_while(
    loop: VirtualLoop, store: Store, tiny: Artifact, new: Artifact
) -> None:
    """Its series stay for those who look at what was; if it comes back it is not."""
    store.commit(1, tiny, new)
    found = store.catalogue()
    loop.now += 2 * SHOWN_S
    assert not found.is_over("tiny", "3")
    store.commit(2, new)
    found.predict()
    assert not found.is_over("tiny", "3")
    loop.now += SHOWN_S
    assert not found.is_over("tiny", "3")
    loop.now += 1
    assert found.is_over("tiny", "3")
    assert not found.is_over("tiny", "4")
    store.commit(3, tiny, new)
    found.predict()
    assert not found.is_over("tiny", "3")


def test_each_of_several_models_has_places_of_its_own(
    store: Store, tiny: Artifact, new: Artifact, other: Artifact
) -> None:
    """Its current version; a former one has none, and one model alone keeps none for itself."""
    places = Places(80)
    store.commit(1, tiny)
    found = store.catalogue(places)
    former = found.default().queue
    assert former.reserved == 0
    store.commit(2, tiny, other)
    assert (found.default().queue.reserved, found.find("other").queue.reserved) == (10, 10)
    store.commit(3, tiny, new, other)
    assert (found.default().queue.reserved, former.reserved) == (10, 0)
    store.commit(4, new)
    assert found.default().queue.reserved == 0


def test_what_is_refused_is_told(store: Store, tiny: Artifact) -> None:
    """As the table says it."""
    refused = Refused("tiny", 4, None, "broken", "cut short")
    store.commit(1, tiny, refused=(refused,))
    assert store.catalogue().table.refused == (refused,)


def test_the_digest_of_inputs_changes_with_what_rows_are(tiny: Artifact, mixed: Artifact) -> None:
    """Names, kinds and their order; not with what training saw in them."""

    def digest(artifact: Artifact, **fields: object) -> str:
        manifest = artifact.manifest.model_copy(update=fields)
        return Version(Artifact(artifact.path, manifest, "ab" * 32), Settings()).inputs_digest

    first, second = tiny.manifest.inputs
    assert first.kind == "numeric"
    seen = first.model_copy(update={"reference": second.reference, "unit": "cm"})
    assert digest(tiny) == digest(tiny, version=9) == digest(tiny, inputs=(seen, second))
    swapped = digest(tiny, inputs=(second, first))
    renamed = digest(tiny, inputs=(first.model_copy(update={"name": "x"}), second))
    assert len({digest(tiny), swapped, renamed, digest(mixed)}) == 4


def test_a_catalogue_needs_a_table(store: Store) -> None:
    """Main commits one before it starts any process."""
    with pytest.raises(FileNotFoundError):
        store.catalogue()


def test_with_feedback_a_few_versions_that_left_stay_a_day(
    loop: VirtualLoop, store: Store, tiny: Artifact, tmp_path: Path
) -> None:
    """After their last label, too: it comes late, and a series that begins with it tells no increase."""
    versions = [numbered(tiny, number) for number in range(1, FORMER + 3)]
    with taking(tmp_path) as found:
        store.commit(1, *versions)
        catalogue = store.catalogue(labels=found.labels)
        for number in range(2, len(versions) + 1):
            loop.now += 1
            store.commit(number, *versions[number - 1 :])
            catalogue.predict()
        loop.now += SHOWN_S + FORMER + 1
        over = [catalogue.is_over("tiny", str(number)) for number in range(1, FORMER + 3)]
        assert over == [True] + [False] * (FORMER + 1)
        loop.now += LABELLED_S - SHOWN_S - 60
        issuer = found.labels.issuer(versions[1].manifest)
        item = Item(issuer.issue((0.5, 0.5), 1, int(time.time())).decode(), "yes")
        assert asyncio.run(found.labels.take([item], catalogue.classes)) == {"taken": 1}
        loop.now += LABELLED_S - 60
        over = [catalogue.is_over("tiny", str(number)) for number in range(1, FORMER + 3)]
        assert over == [True, False, True, True, True, False]
        loop.now += 61
        assert catalogue.is_over("tiny", "2")


def test_labels_are_known_while_a_version_that_has_them_answers(
    store: Store, tiny: Artifact, new: Artifact, other: Artifact
) -> None:
    """Whichever of the model's versions it is."""
    classes = tiny.manifest.classes
    more = new.manifest.model_copy(update={"classes": ("no", "yes", "perhaps")})
    store.commit(1, tiny, other)
    found = store.catalogue()
    assert found.classes("tiny", classes_digest(classes)) == classes
    assert found.classes("tiny", classes_digest(more.classes)) is None
    assert found.classes("nobody", classes_digest(classes)) is None
    store.commit(2, replace(new, manifest=more), other)
    assert found.classes("tiny", classes_digest(classes)) is None
    assert found.classes("tiny", classes_digest(more.classes)) == more.classes
