"""FastAPI with the model called inside the endpoint, in two uvicorn processes: a good first version.

Knows nothing of batching.
"""

from typing import Annotated

import torch
from fastapi import FastAPI
from pydantic import BaseModel, Field

from tests.bench import torchscript


class Request(BaseModel):
    """Rows of 30 numbers."""

    instances: list[Annotated[list[float], Field(min_length=30, max_length=30)]]


class Answer(BaseModel):
    """The probabilities of each row."""

    predictions: list[list[float]]


def create_app() -> FastAPI:
    """Build the application of one process around its own copy of the model."""
    app = FastAPI()
    model = torchscript.load()

    @app.post("/predict")
    async def predict(request: Request) -> Answer:
        with torch.inference_mode():
            return Answer(predictions=model(torch.tensor(request.instances)).tolist())

    return app
