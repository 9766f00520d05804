"""Stock LitServe with its own batching: the documented hooks and settings, nothing else.

Knows only requests of one row, which is what its batching is made for.
"""

import os
from typing import Any

import litserve
import torch

from tests.bench import torchscript

# What was tried, in requests a second at 1, 32 and 128 connections on two cores; the better of two runs where
# there were two. The first two are equal within their noise. A timeout of 0 keeps a whole core busy when
# nothing is asked.
#
#   batch  timeout  workers  HTTP processes     1     32    128
#      32   1 ms       1           2          633  1,423  1,361
#      64   1 ms       1           2          628  1,446  1,389
#     128   1 ms       1           2          620  1,385  1,148
#      16   1 ms       1           2          572    986  1,189
#       8   1 ms       1           2          534  1,050    857
#      32   0          1           2          576  1,339  1,246
#      32   5 ms       1           2          168  1,172    752
#      32  10 ms       1           2           89  1,039    730
#      64  10 ms       1           2           81  1,212  1,247
#      32   1 ms       1           1          579    834    783
#      32   1 ms       2           2          463    664    706
#    none   -          1           2          615  1,194    945
MAX_BATCH_SIZE = 32
BATCH_TIMEOUT_S = 0.001


class Classifier(litserve.LitAPI):
    """One row in, its probabilities out."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # LitServe's signature; the model is for the CPU
        self.model = torchscript.load()

    def decode_request(self, request: dict[str, Any]) -> list[float]:
        return request["instances"][0]

    def batch(self, inputs: list[list[float]]) -> torch.Tensor:
        return torch.tensor(inputs)

    def predict(self, x: torch.Tensor) -> list[list[float]]:
        with torch.inference_mode():
            return self.model(x).tolist()

    def unbatch(self, output: list[list[float]]) -> list[list[float]]:
        return output

    def encode_response(self, output: list[float]) -> dict[str, list[list[float]]]:
        return {"predictions": [output]}


if __name__ == "__main__":
    litserve.LitServer(
        Classifier(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S), accelerator="cpu"
    ).run(
        host="127.0.0.1",
        port=int(os.environ["SERVICE_PORT"]),
        num_api_servers=2,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
