"""The alternatives compute what the published model computes: else the comparison would say nothing."""

import asyncio
from pathlib import Path

import httpx
import pytest

from models.repository import Artifact
from tests.bench.fastapi_inline import create_app
from tests.bench.stock_litserve import MAX_BATCH_SIZE, Classifier


@pytest.fixture(autouse=True)
def _model(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_MODEL_STORE", str(store))


def test_fastapi(artifact: Artifact) -> None:
    """FastAPI answers the golden rows with the golden probabilities."""
    golden = artifact.manifest.golden

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://fastapi") as client:
            return await client.post("/predict", json={"instances": [row.input for row in golden]})

    answer = asyncio.run(ask()).json()
    for probabilities, row in zip(answer["predictions"], golden, strict=True):
        assert probabilities == pytest.approx(row.probabilities, abs=1e-5)


def test_litserve(artifact: Artifact) -> None:
    """LitServe's hooks, in the order in which it calls them, give the golden probabilities."""
    golden = artifact.manifest.golden
    api = Classifier(max_batch_size=MAX_BATCH_SIZE)
    api.setup("cpu")
    batch = api.batch([api.decode_request({"instances": [list(row.input)]}) for row in golden])
    for output, row in zip(api.unbatch(api.predict(batch)), golden, strict=True):
        (probabilities,) = api.encode_response(output)["predictions"]
        assert probabilities == pytest.approx(row.probabilities, abs=1e-5)
