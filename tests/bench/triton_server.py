"""NVIDIA Triton with its Python backend, as pytriton's wheel brings it: lays the model out and becomes it."""

import argparse
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytriton

CONFIG = """
name: "breast-cancer"
backend: "python"
max_batch_size: 4096
input [{ name: "features" data_type: TYPE_FP32 dims: [30] }]
output [{ name: "probabilities" data_type: TYPE_FP32 dims: [2] }]
instance_group [{ kind: KIND_CPU count: 1 }]
dynamic_batching {}
"""
# The backend's Python knows of no environment.
MODEL = f"""
import sys
sys.path[:0] = {sys.path!r}
from tests.bench.triton_model import TritonPythonModel
"""


def main() -> None:
    """Serve on `--port`, HTTP only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", required=True)
    port = parser.parse_args().port
    package = Path(pytriton.__file__).parent
    triton = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, triton / "backends" / "python")
    libraries = (
        package.parent / "nvidia_pytriton.libs",
        triton / "external_libs",
        sysconfig.get_config_var("LIBDIR"),
    )
    os.execve(  # noqa: S606
        triton / "bin" / "tritonserver",
        [
            "tritonserver",
            f"--model-repository={_repository()}",
            f"--backend-directory={triton / 'backends'}",
            f"--http-port={port}",
            "--http-address=127.0.0.1",
            "--allow-grpc=false",
            "--allow-metrics=false",
        ],
        os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, libraries))},
    )


def _repository() -> str:
    repository = tempfile.mkdtemp(prefix="triton-", dir=os.environ["SERVICE_MODEL_STORE"])
    model = Path(repository, "breast-cancer")
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text(CONFIG)
    (model / "1" / "model.py").write_text(MODEL)
    return repository


if __name__ == "__main__":
    main()
