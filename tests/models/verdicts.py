"""What the gate may have found."""

from datetime import UTC, datetime

from models.artifact import Artifact
from models.record import Interval
from models.verdict import Comparison, Verdict

COMPARISON = Comparison(
    rows=40,
    learnt=3,
    refused=0,
    newcomer=0.5,
    champion=0.25,
    difference=0.25,
    interval=Interval(low=0.125, high=0.5),
    margin=0.01,
)


def rejected(artifact: Artifact) -> Verdict:
    """Return the verdict on a version that is worse."""
    return Verdict(
        name="tiny",
        version=artifact.manifest.version,
        digest=artifact.digest,
        champion=1,
        verdict="rejected",
        reason="worse than version 1",
        comparison=COMPARISON,
        time=datetime.now(UTC),
    )
