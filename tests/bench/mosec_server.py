"""MOSEC: its HTTP server in Rust, and one process with the model that it gathers batches for."""

from typing import Any

import torch
from mosec import Server, Worker

from tests.bench import torchscript

MAX_BATCH_SIZE = 64
MAX_WAIT_MS = 1


class Classifier(Worker):  # type: ignore[misc] # MOSEC's types are not installed here
    """One row a request."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torchscript.load()

    def forward(self, data: list[Any]) -> list[Any]:
        """Score a batch."""
        with torch.inference_mode():
            rows = torch.tensor([request["instances"][0] for request in data])
            return [{"predictions": [row]} for row in self.model(rows).tolist()]


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Classifier, num=1, max_batch_size=MAX_BATCH_SIZE, max_wait_time=MAX_WAIT_MS, route="/predict"
    )
    server.run()
