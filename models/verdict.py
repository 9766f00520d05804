"""Whether a new version was promoted, and what that rests on. Knows nothing of how versions are compared."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from models.parts import LAST_VERSION, Count, Name, Sha256
from models.record import Interval

Version = Annotated[int, Field(ge=1, le=LAST_VERSION)]
Found = Literal["promoted", "rejected", "undecided", "first", "incompatible", "moved", "always", "never"]
PROMOTES: frozenset[Found] = frozenset({"promoted", "undecided", "first", "always"})


class Comparison(BaseModel):
    """The log-losses of two versions on the same rows, and the interval of 95 % of their mean difference.

    `learnt` rows were left out as the champion learnt from them or was chosen by them, `refused` ones as it
    does not take them. `difference` and its interval are the newcomer's minus the champion's.
    """

    model_config = ConfigDict(frozen=True)

    rows: Count
    learnt: Count
    refused: Count
    newcomer: float
    champion: float
    difference: float
    interval: Interval
    margin: float


class Verdict(BaseModel):
    """What the gate found of one version. Fields that are not known here are passed over."""

    model_config = ConfigDict(frozen=True)

    name: Name
    version: Version
    digest: Sha256
    champion: Version | None
    verdict: Found
    reason: str
    comparison: Comparison | None
    time: AwareDatetime

    @property
    def promotes(self) -> bool:
        """Whether the version became CURRENT by it."""
        return self.verdict in PROMOTES

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Parse the bytes of a gate.json. Raises ValueError."""
        return cls.model_validate_json(raw)

    def to_json(self) -> bytes:
        """Write the bytes of a gate.json."""
        return self.model_dump_json(indent=2).encode() + b"\n"
