"""How one version takes another's place, rule by rule."""

from collections.abc import Iterable

import pytest

from service.library.messages import (
    Action,
    Announce,
    Commit,
    Event,
    Forget,
    Known,
    Load,
    Loaded,
    Offered,
    ProcessDown,
    Say,
    Tick,
    Tried,
    Try,
    WorkerDown,
    WorkerUp,
)
from service.library.state import Limits, State
from service.library.step import KNOWN_S, LOAD_S, begin, step
from service.library.table import Offer, Refusal, Refused, Served, Table

LIMITS = Limits(max_versions=4, longest_deadline_s=10)
RETIRED_S = 70.0
FORGOTTEN_S = 15.0
GOLDEN = Refusal("golden", "row 2 is off by 0.1")

A1, A2, A3, A4 = (Served("a", number, f"a{number}") for number in (1, 2, 3, 4))
B1, B2 = (Served("b", number, f"b{number}") for number in (1, 2))
C1, D1, E1 = (Served(name, 1, f"{name}1") for name in "cde")


def offer(*wanted: Served, refused: Iterable[Refused] = ()) -> Offer:
    return Offer(wanted, tuple(refused))


class Main:
    """What main is: a state, and what to do."""

    def __init__(self, *first: Served, workers: Iterable[int] = (0,), slots: Iterable[int] = (0,)) -> None:
        """Begin with versions that each worker has loaded."""
        self.state: State = begin("a", Offer(first, ()), [], slots, LIMITS)
        for worker in workers:
            self.tell(WorkerUp(0, worker))
            for served in first:
                self.tell(Loaded(0, worker, served.digest, None))

    def tell(self, event: Event) -> list[Action]:
        """Return what follows from an event."""
        self.state, actions = step(self.state, event)
        return actions

    def swap(self, *wanted: Served, now: float) -> list[Action]:
        """Offer versions and have worker 0 and process 0 answer well at once; return all that was done."""
        done = self.tell(Offered(now, offer(*wanted)))
        for action in done:  # grows while it is walked
            match action:
                case Try():
                    done += self.tell(Tried(now, action.worker, action.digest, None))
                case Load():
                    done += self.tell(Loaded(now, action.worker, action.digest, None))
                case Announce():
                    done += self.tell(Known(now, 0, action.number))
        return done

    @property
    def table(self) -> Table:
        """The committed table."""
        return self.state.committed


def table(
    current: Iterable[Served], retiring: Iterable[Served] = (), refused: Iterable[Refused] = ()
) -> Table:
    versions = tuple(sorted([*current, *retiring]))
    return Table("a", {served.model: served.digest for served in current}, versions, tuple(refused))


# The start.


def test_the_first_offer_holds_at_once() -> None:
    """It is table 1, without a try; of a model's versions the last is its current one."""
    state = begin("a", offer(A1, A2, B1, refused=[Refused("c", 1, None, "broken", "")]), [], [0], LIMITS)
    assert state.number == 1
    assert state.committed == table([A2, B1], [A1], [Refused("c", 1, None, "broken", "")])


def test_a_worker_that_comes_up_loads_what_the_table_names() -> None:
    """Whenever it comes."""
    main = Main(A1, B1, workers=[])
    assert main.tell(WorkerUp(1, 0)) == [Load(0, "a1"), Load(0, "b1")]


def test_a_version_of_the_first_offer_that_no_worker_could_load_is_refused() -> None:
    """Nobody had tried it."""
    main = Main(A1, B1, workers=[])
    main.tell(WorkerUp(1, 0))
    refused = Refused(*B1, *GOLDEN)
    assert main.tell(Loaded(1, 0, "b1", GOLDEN))[0] == Say(refused)
    main.tell(Loaded(1, 0, "a1", None))
    main.tell(Known(1, 0, 2))
    assert main.table == table([A1], [], [refused])


# A swap.


def test_a_new_version_is_tried_loaded_announced_and_committed() -> None:
    """In this order, each when everybody has answered to the one before."""
    main = Main(A1, workers=[0, 1], slots=[0, 1])
    new = table([A2], [A1])
    assert main.tell(Offered(1, offer(A2))) == [Try(0, "a2")]
    assert main.tell(Tried(1, 0, "a2", None)) == [Load(0, "a2"), Load(1, "a2")]
    assert main.tell(Loaded(1, 0, "a2", None)) == []
    assert main.tell(Loaded(1, 1, "a2", None)) == [Announce(2, new)]
    assert main.tell(Known(1, 0, 2)) == []
    assert main.tell(Known(1, 1, 2)) == [Commit(2)]
    assert main.table == new


def test_the_same_offer_again_changes_nothing() -> None:
    """Nor does another order of its models."""
    main = Main(A1, B1)
    assert main.tell(Offered(1, offer(A1, B1))) == []
    assert main.tell(Offered(2, offer(B1, A1))) == []


def test_versions_are_tried_one_at_a_time() -> None:
    """And become current in one table."""
    main = Main(A1, B1)
    assert main.tell(Offered(1, offer(A2, B2))) == [Try(0, "a2")]
    assert main.tell(Tried(1, 0, "a2", None)) == [Try(0, "b2"), Load(0, "a2")]
    assert main.tell(Loaded(1, 0, "a2", None)) == []
    assert main.tell(Tried(1, 0, "b2", None)) == [Load(0, "b2")]
    assert main.tell(Loaded(1, 0, "b2", None)) == [Announce(2, table([A2, B2], [A1, B1]))]


def test_a_former_version_comes_back_without_a_try() -> None:
    """It is there still."""
    main = Main(A1)
    main.swap(A2, now=1)
    assert main.swap(A1, now=2) == [Announce(3, table([A1], [A2])), Commit(3)]


def test_an_answer_that_nobody_asked_for_is_passed_over() -> None:
    """Of a try, a load or a table."""
    main = Main(A1)
    before = main.state
    for event in (Tried(1, 0, "a1", GOLDEN), Loaded(1, 0, "a9", GOLDEN), Loaded(1, 9, "a1", GOLDEN)):
        assert main.tell(event) == []
    assert main.state == before


# Who is slow, or dies.


def test_a_process_that_does_not_answer_is_waited_for_a_second() -> None:
    """From the announcement."""
    main = Main(A1, B1, slots=[0, 1])
    [*_, announce] = main.swap(A1, now=1)
    assert isinstance(announce, Announce)
    assert main.tell(Tick(1 + KNOWN_S - 0.01)) == []
    assert main.tell(Tick(1 + KNOWN_S)) == [Commit(2)]


def test_a_process_that_dies_is_not_waited_for() -> None:
    """The others have the table."""
    main = Main(A1, B1, slots=[0, 1])
    main.swap(A1, now=1)
    assert main.tell(ProcessDown(1, 1)) == [Commit(2)]


def test_a_process_that_comes_up_is_waited_for() -> None:
    """As it began with the table before."""
    main = Main(A1, B1, slots=[0, 1])
    main.tell(Offered(1, offer(A1)))
    main.tell(ProcessDown(1, 1))
    main.tell(Known(1, 1, 1))
    assert main.tell(Known(1, 0, 2)) == []
    assert main.tell(Known(1, 1, 2)) == [Commit(2)]


def test_a_worker_that_does_not_load_is_waited_for_five_seconds() -> None:
    """It will load the version when a batch names it."""
    main = Main(A1, workers=[0, 1])
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", None))
    main.tell(Loaded(1, 0, "a2", None))
    assert main.tell(Tick(1 + LOAD_S - 0.01)) == []
    assert main.tell(Tick(1 + LOAD_S)) == [Announce(2, table([A2], [A1]))]


def test_a_worker_that_dies_is_not_waited_for() -> None:
    """The others have loaded it."""
    main = Main(A1, workers=[0, 1])
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", None))
    main.tell(Loaded(1, 0, "a2", None))
    assert main.tell(WorkerDown(1, 1)) == [Announce(2, table([A2], [A1]))]


def test_a_worker_that_comes_up_loads_and_is_waited_for() -> None:
    """What answers and what will; but no longer than the announced table is."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", None))
    main.tell(Loaded(1, 0, "a2", None))
    assert main.tell(WorkerUp(1.5, 1)) == [Load(1, "a1"), Load(1, "a2")]
    assert main.tell(Known(1.5, 0, 2)) == []
    assert main.tell(Tick(1 + KNOWN_S)) == [Commit(2)]


def test_a_worker_without_what_serves_well_takes_it_from_nobody() -> None:
    """It was loaded elsewhere."""
    main = Main(A1)
    main.tell(WorkerUp(1, 1))
    assert main.tell(Loaded(1, 1, "a1", Refusal("memory", "out of memory"))) == []


# What is refused.


def test_a_version_that_fails_its_try_leaves_the_former_one_current() -> None:
    """It is said once, stands in the table, and is not tried again."""
    main = Main(A1)
    refused = Refused(*A2, *GOLDEN)
    main.tell(Offered(1, offer(A2)))
    assert main.tell(Tried(1, 0, "a2", GOLDEN)) == [Say(refused), Announce(2, table([A1], [], [refused]))]
    assert main.tell(Known(1, 0, 2)) == [Commit(2)]
    assert main.tell(Offered(2, offer(A2))) == []
    assert main.tell(Tick(1000)) == []


def test_what_the_store_refuses_is_said_and_shown() -> None:
    """It alone makes a new table."""
    main = Main(A1)
    refused = Refused("a", 2, None, "broken", "model.pt: cut short")
    assert main.tell(Offered(1, offer(A1, refused=[refused]))) == [
        Say(refused),
        Announce(2, table([A1], [], [refused])),
    ]


def test_a_refusal_is_forgotten_with_the_offer_that_had_it() -> None:
    """One that names the version again later has it tried again."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", GOLDEN))
    main.tell(Known(1, 0, 2))
    assert main.tell(Offered(2, offer(A1))) == [Announce(3, table([A1]))]
    assert main.tell(Offered(3, offer(A2)))[-1] == Try(0, "a2")


def test_a_version_that_a_worker_cannot_load_is_refused() -> None:
    """Though another tried it well; it is tried and loaded anew if it is offered again."""
    main = Main(A1, workers=[0, 1])
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", None))
    assert main.tell(Loaded(1, 1, "a2", GOLDEN))[0] == Say(Refused(*A2, *GOLDEN))
    main.tell(Offered(2, offer(A1)))
    assert main.tell(Offered(3, offer(A2)))[-1] == Try(0, "a2")
    assert main.tell(Tried(3, 0, "a2", None)) == [Load(0, "a2"), Load(1, "a2")]


def test_a_try_whose_worker_died_is_given_to_another() -> None:
    """The second death refuses the version."""
    main = Main(A1, workers=[0, 1])
    main.tell(Offered(1, offer(A2)))
    assert main.tell(WorkerDown(1, 0)) == [Try(1, "a2")]
    [said, announced] = main.tell(WorkerDown(1, 1))
    assert isinstance(said, Say)
    assert said.refused.reason == "crashed"
    assert announced == Announce(2, table([A1], [], [said.refused]))


def test_a_worker_that_was_lost_is_the_last_to_try_again() -> None:
    """Even if it is back before anybody saw it end."""
    main = Main(A1, workers=[0, 1])
    main.tell(Offered(1, offer(A2)))
    assert main.tell(WorkerUp(1, 0)) == [Try(1, "a2"), Load(0, "a1")]


def test_a_refusal_that_comes_when_nobody_wants_the_version_is_not_kept() -> None:
    """The next offer of it has it tried again."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    main.tell(Offered(2, offer(A1)))
    assert main.tell(Tried(2, 0, "a2", GOLDEN)) == []
    assert main.tell(Offered(3, offer(A2))) == [Try(0, "a2")]


def test_the_former_version_is_the_one_that_was_current() -> None:
    """Not the highest number."""
    main = Main(A2, A1)
    main.tell(Offered(1, offer(A3)))
    main.tell(Tried(1, 0, "a3", GOLDEN))
    main.tell(Known(1, 0, 2))
    assert main.table == table([A1], [A2], [Refused(*A3, *GOLDEN)])


def test_a_version_of_the_first_offer_that_cannot_be_loaded_does_not_retire() -> None:
    """It never answered."""
    main = Main(A1, A2, workers=[])
    main.tell(WorkerUp(1, 0))
    main.tell(Offered(1, offer(A2)))
    main.tell(Loaded(1, 0, "a1", GOLDEN))
    assert main.tell(Loaded(1, 0, "a2", None)) == [Announce(2, table([A2]))]


def test_a_try_waits_for_a_worker() -> None:
    """If the only one died."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    assert main.tell(WorkerDown(1, 0)) == []
    assert main.tell(WorkerUp(2, 0)) == [Try(0, "a2"), Load(0, "a1")]


# Offers that overtake.


def test_a_newer_offer_replaces_what_was_wanted() -> None:
    """The open try is waited for; what came of it nobody wants."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    assert main.tell(Offered(2, offer(A3))) == []
    assert main.tell(Tried(2, 0, "a2", None)) == [Try(0, "a3")]
    main.tell(Tried(2, 0, "a3", None))
    assert main.tell(Loaded(2, 0, "a3", None)) == [Announce(2, table([A3], [A1]))]


def test_what_is_announced_is_committed() -> None:
    """The newer offer follows."""
    main = Main(A1, B1)
    main.tell(Offered(1, offer(A1)))
    assert main.tell(Offered(1, offer(A1, B1))) == []
    assert main.tell(Known(1, 0, 2)) == [Commit(2), Announce(3, table([A1, B1]))]


# Who leaves.


def test_an_old_version_answers_by_its_number_for_a_while() -> None:
    """And can be loaded a little longer."""
    main = Main(A1)
    main.swap(A2, now=1)
    assert main.table == table([A2], [A1])
    assert main.tell(Tick(1 + RETIRED_S - 0.01)) == []
    assert main.tell(Tick(1 + RETIRED_S)) == [Announce(3, table([A2]))]
    assert main.tell(Known(72, 0, 3)) == [Commit(3)]
    assert main.tell(Tick(72 + FORGOTTEN_S - 0.01)) == []
    assert main.tell(Tick(72 + FORGOTTEN_S)) == [Forget("a1")]


def test_a_version_that_is_wanted_again_is_not_forgotten() -> None:
    """Before its time is over."""
    main = Main(A1)
    main.swap(A2, now=1)
    main.tell(Tick(71))
    main.tell(Known(71, 0, 3))
    main.swap(A1, now=72)
    assert main.table == table([A1], [A2])
    assert Forget("a1") not in main.tell(Tick(1000))


def test_a_version_that_was_forgotten_is_tried_again() -> None:
    """Workers have to load it again, too."""
    main = Main(A1)
    main.swap(A2, now=1)
    main.tell(Tick(71))
    main.tell(Known(71, 0, 3))
    assert main.tell(Tick(100)) == [Forget("a1")]
    assert main.swap(A1, now=101)[:2] == [Try(0, "a1"), Load(0, "a1")]


def test_a_refused_version_keeps_the_former_one_for_as_long_as_it_takes() -> None:
    """Its time begins when another is current."""
    main = Main(A1)
    main.tell(Offered(1, offer(A2)))
    main.tell(Tried(1, 0, "a2", GOLDEN))
    main.tell(Known(1, 0, 2))
    main.tell(Tick(1000))
    main.swap(A3, now=1001)
    assert main.table == table([A3], [A1])
    assert main.tell(Tick(1001 + RETIRED_S - 0.01)) == [Forget("a2")]
    assert main.tell(Tick(1001 + RETIRED_S)) == [Announce(4, table([A3]))]


def test_a_model_that_is_offered_no_more_leaves_at_once() -> None:
    """It was unloaded, with its former versions; the default model can be, too."""
    main = Main(A1, B1)
    main.swap(A2, B1, now=1)
    main.swap(B1, now=2)
    assert main.table == table([B1])
    assert main.tell(Tick(2 + FORGOTTEN_S)) == [Forget("a1"), Forget("a2")]


def test_a_number_with_other_bytes_answers_by_them() -> None:
    """The former version has no number, and leaves."""
    main = Main(A1)
    other = A1._replace(digest="a1-again")
    main.swap(other, now=1)
    assert main.table == table([other])
    assert main.tell(Tick(1 + FORGOTTEN_S)) == [Forget("a1")]


def test_the_oldest_leave_when_there_are_too_many() -> None:
    """But never what was current before."""
    main = Main(A1, B1)
    for now, wanted in enumerate((A2, A3, A4), start=1):
        main.swap(wanted, B1, now=now)
    assert main.table == table([A4, B1], [A2, A3])
    main.swap(A4, B1, C1, now=5)
    assert main.table == table([A4, B1, C1], [A3])
    main.swap(A4, B1, C1, D1, now=6)
    assert main.table == table([A4, B1, C1, D1], [A3])


def test_what_does_not_fit_is_refused() -> None:
    """In the order of the offer, but for the default model; nobody tries it."""
    main = Main(A1)
    done = main.swap(B1, C1, D1, E1, A1, now=1)
    [said] = [action.refused for action in done if isinstance(action, Say)]
    assert said[:4] == (*E1, "limit")
    assert main.table == table([A1, B1, C1, D1], [], [said])
    assert Try(0, "e1") not in done


def test_a_version_that_no_longer_fits_leaves() -> None:
    """Its model stays with those that do."""
    main = Main(A1, B1, B2)
    done = main.swap(A1, C1, D1, B1, B2, now=1)
    [said] = [action.refused for action in done if isinstance(action, Say)]
    assert said[:4] == (*B2, "limit")
    assert main.table == table([A1, B1, C1, D1], [], [said])


def test_room_that_a_refused_version_leaves_is_taken() -> None:
    """By the next of the offer."""
    main = Main(A1)
    main.tell(Offered(1, offer(A1, B1, C1, D1, E1)))
    main.tell(Tried(1, 0, "b1", GOLDEN))
    for digest in ("c1", "d1", "e1"):
        main.tell(Tried(1, 0, digest, None))
    assert "e1" in main.state.versions
    assert main.state.trying is None
    main.tell(Tick(1 + LOAD_S))
    main.tell(Tick(2 + LOAD_S))
    assert main.table == table([A1, C1, D1, E1], [], [Refused(*B1, *GOLDEN)])


@pytest.mark.parametrize("longest", [1.0, 10.0, 3600.0])
def test_old_versions_outlast_the_longest_request(longest: float) -> None:
    """Whatever that may be."""
    state = begin("a", offer(A1, B1), [], [], Limits(4, longest))
    state, _ = step(state, Offered(1, offer(B1)))
    state, actions = step(state, Tick(1))
    assert actions == [Commit(2)]
    state, actions = step(state, Tick(1 + longest))
    assert actions == []
    assert step(state, Tick(1 + longest + 5))[1] == [Forget("a1")]
