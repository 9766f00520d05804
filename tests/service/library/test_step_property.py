"""Whatever happens, in any order: what never may be done is not, and in the end the newest offer holds."""

from collections import defaultdict, deque

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from service.library.messages import (
    Action,
    Announce,
    Event,
    Known,
    Load,
    Loaded,
    Offered,
    ProcessDown,
    Tick,
    Tried,
    Try,
    WorkerDown,
    WorkerUp,
)
from service.library.state import Limits, Refusal
from service.library.table import Offer, Refused, Served
from tests.service.library.ledger import Ledger

LIMITS = Limits(max_versions=3, longest_deadline_s=10)
WORKERS, SLOTS = [0, 1], [0, 1]
GOLDEN = Refusal("golden", "row 2 is off by 0.1")

# What a version is like is the end of its digest: good, bad, the end of each worker that tries it, or tried
# well and then not loaded.
KINDS = "+-!?"
VERSIONS = [
    Served(model, number, f"{model}{number}{kind}") for model in "abc" for number in (1, 2) for kind in KINDS
]


def offers(kinds: str = KINDS) -> st.SearchStrategy[Offer]:
    """Offers of some versions, each number once, with perhaps one that the store refuses."""
    versions = [served for served in VERSIONS if served.digest[-1] in kinds]
    wanted = st.lists(st.sampled_from(versions), max_size=5, unique_by=lambda served: served[:2])
    refused = st.lists(st.just(Refused("b", 9, None, "broken", "cut short")), max_size=1)
    return st.builds(Offer, wanted.map(tuple), refused.map(tuple))


class World(RuleBasedStateMachine):
    """Workers and HTTP processes that answer in their own time, or die first."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[int, deque[Try | Load]] = {}
        """Of each live worker what it has not answered yet."""
        self.told: dict[int, deque[int]] = {slot: deque() for slot in SLOTS}
        """Of each live HTTP process the tables that it has not read yet."""
        self.deaths: defaultdict[str, int] = defaultdict(int)

    @initialize(offer=offers("+-?"))
    def begin(self, offer: Offer) -> None:
        self.main = Ledger(offer, LIMITS, [], SLOTS)

    @rule(offer=offers())
    def offer(self, offer: Offer) -> None:
        self.tell(Offered(self.main.now, offer))

    @rule(worker=st.sampled_from(WORKERS))
    def worker_comes_or_ends(self, worker: int) -> None:
        if worker in self.asked:
            self.end(worker)
        else:
            self.asked[worker] = deque()
            self.tell(WorkerUp(self.main.now, worker))

    @precondition(lambda self: any(self.asked.values()))
    @rule(data=st.data())
    def worker_answers(self, data: st.DataObject) -> None:
        self.answer(data.draw(st.sampled_from([worker for worker, asked in self.asked.items() if asked])))

    @rule(slot=st.sampled_from(SLOTS))
    def process_comes_or_ends(self, slot: int) -> None:
        if slot in self.told:
            del self.told[slot]
            self.tell(ProcessDown(self.main.now, slot))
        else:
            self.told[slot] = deque()
            self.tell(Known(self.main.now, slot, self.main.number))

    @precondition(lambda self: any(self.told.values()))
    @rule(data=st.data())
    def process_reads(self, data: st.DataObject) -> None:
        self.read(data.draw(st.sampled_from([slot for slot, told in self.told.items() if told])))

    @rule(seconds=st.sampled_from([0.1, 1, 6, 30, 80]))
    def time_goes_by(self, seconds: float) -> None:
        self.tell(Tick(self.main.now + seconds))

    def teardown(self) -> None:
        """Let it calm down, and look at what holds."""
        if not hasattr(self, "main"):
            return
        for _ in range(12):
            for worker in WORKERS:
                if worker not in self.asked:
                    self.worker_comes_or_ends(worker)
                while self.asked.get(worker):
                    self.answer(worker)
            for slot in SLOTS:
                if slot not in self.told:
                    self.process_comes_or_ends(slot)
                while self.told[slot]:
                    self.read(slot)
            self.time_goes_by(30)
        assert not any([*self.asked.values(), *self.told.values()])
        self.check_end()

    def check_end(self) -> None:
        """The newest offer holds, but for what was refused, for which the former version is current."""
        offer, table = self.main.offer, self.main.committed
        refused = {refused.digest: refused.reason for refused in table.refused}
        served = [served for served in offer.wanted if served.digest not in refused]
        current = {served.model: served.digest for served in served}
        former = [served for served in table.versions if served not in offer.wanted]
        assert sorted([*served, *former]) == list(table.versions)
        assert {**current, **{served.model: served.digest for served in former}} == table.current
        assert len(served) + len(former) == len(table.versions)
        for version in former:
            assert version.model not in current
            assert any(version.model == wanted.model for wanted in offer.wanted)
        for version in offer.wanted:
            assert self.is_right(version, refused.get(version.digest), len(served))
        assert set(self.main.state.versions) == {version.digest for version in (*offer.wanted, *former)}

    def is_right(self, version: Served, reason: str | None, served: int) -> bool:
        """Return whether a version is refused with reason, or with reason is not."""
        kind = version.digest[-1]
        if reason is None:
            return kind in "+?"
        if reason == "limit":
            return version.model != "a" and served >= LIMITS.max_versions
        if reason == "crashed":
            return self.deaths[version.digest] >= 2
        return kind in "-?"

    def answer(self, worker: int) -> None:
        request = self.asked[worker][0]
        kind = request.digest[-1]
        if kind == "!":
            self.end(worker)
            return
        self.asked[worker].popleft()
        if isinstance(request, Load):
            refusal = GOLDEN if kind in "-?" else None
            self.tell(Loaded(self.main.now, worker, request.digest, refusal))
        else:
            self.tell(Tried(self.main.now, worker, request.digest, GOLDEN if kind == "-" else None))

    def end(self, worker: int) -> None:
        for request in self.asked.pop(worker):
            self.deaths[request.digest] += isinstance(request, Try)
        self.tell(WorkerDown(self.main.now, worker))

    def read(self, slot: int) -> None:
        self.tell(Known(self.main.now, slot, self.told[slot].popleft()))

    def tell(self, event: Event) -> None:
        for action in self.main.tell(event):
            self.do(action)

    def do(self, action: Action) -> None:
        match action:
            case Try() | Load():
                self.asked[action.worker].append(action)
            case Announce():
                for told in self.told.values():
                    told.append(action.number)


TestWorld = World.TestCase
TestWorld.settings = settings(stateful_step_count=40)

DIGESTS = st.sampled_from([*(served.digest for served in VERSIONS), "unknown"])
REFUSALS = st.none() | st.just(GOLDEN)
PLACES = st.integers(0, 2)
SECONDS = st.sampled_from([0.0, 0.0, 0.5, 1.0, 6.0, 30.0, 80.0])
ANY_OFFER = st.builds(Offer, st.lists(st.sampled_from(VERSIONS[:12]), max_size=5).map(tuple), st.just(()))
LATER: st.SearchStrategy[Event] = st.one_of(
    st.builds(Offered, SECONDS, ANY_OFFER),
    st.builds(Tried, SECONDS, PLACES, DIGESTS, REFUSALS),
    st.builds(Loaded, SECONDS, PLACES, DIGESTS, REFUSALS),
    st.builds(WorkerUp, SECONDS, PLACES),
    st.builds(WorkerDown, SECONDS, PLACES),
    st.builds(Known, SECONDS, PLACES, st.integers(0, 9)),
    st.builds(ProcessDown, SECONDS, PLACES),
    st.builds(Tick, SECONDS),
)
"""Events, at so many seconds after the one before."""


@given(
    first=ANY_OFFER,
    workers=st.lists(PLACES),
    slots=st.lists(PLACES),
    events=st.lists(st.tuples(LATER, st.booleans()), max_size=40),
)
def test_events_that_nobody_would_send_break_nothing(
    first: Offer, workers: list[int], slots: list[int], events: list[tuple[Event, bool]]
) -> None:
    """Answers without a question, deaths of nobody, a version twice, and a number for two of them.

    Some tries are answered well, or else hardly a version would come further.
    """
    main = Ledger(first, LIMITS, workers, slots)
    for event, answered in events:
        if main.open and answered:
            main.tell(Tried(main.now, *main.open, None))
        main.tell(event._replace(now=main.now + event.now))
