"""The bodies of the Open Inference Protocol as pydantic models: they validate, and they are the OpenAPI.

What is not known is ignored, because clients send fields of their own; what is known and would change the
answer in a way that is not offered is refused.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Json

from service.body.ident import Id

Size = Annotated[int, Field(ge=0, le=2**63 - 1)]
Shared = Annotated[None, Field(description="Not offered: data travels in the body.")]


class _Known(BaseModel):
    model_config = ConfigDict(strict=True)


class InputParameters(_Known):
    """How an input's data is sent."""

    binary_data_size: Size | None = Field(None, description="Bytes of this input after the JSON.")
    shared_memory_region: Shared = None


class OutputParameters(_Known):
    """How an output's data is wanted."""

    binary_data: bool | None = Field(None, description="As raw bytes after the JSON, or as JSON.")
    classification: Annotated[None, Field(description="Not offered: ask for `label`.")] = None
    shared_memory_region: Shared = None


class RequestParameters(_Known):
    """What holds for the whole request."""

    binary_data_output: bool = Field(False, description="Outputs as raw bytes, unless they say otherwise.")
    timeout: Size = Field(0, description="Microseconds until the deadline; 0 leaves it as it is.")


class InferInput(_Known):
    """One input tensor: `features` with all of them, or one by an input's name."""

    name: str
    shape: Annotated[list[Size], Field(min_length=1, max_length=2)]
    datatype: str
    parameters: InputParameters = InputParameters()
    data: list[Any] | None = Field(None, description="Flat, or nested as the shape says.")


class InferOutput(_Known):
    """One output that is wanted."""

    name: str
    parameters: OutputParameters = OutputParameters()


class InferRequest(_Known):
    """A request of rows."""

    id: Id = None
    parameters: RequestParameters = RequestParameters()
    inputs: Annotated[list[InferInput], Field(min_length=1, fail_fast=True)]
    # A factory, because pydantic would deep-copy a default.
    outputs: Annotated[list[InferOutput], Field(default_factory=list, fail_fast=True)]


class IndexRequest(_Known):
    """Which entries of the index are wanted."""

    ready: bool = Field(False, description="Only versions that answer.")


class VersionPolicy(_Known):
    """Which versions of a model are loaded; CURRENT's without one."""

    class Specific(_Known):
        """By their numbers, the last one to answer where none is named."""

        versions: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]

    specific: Specific


class Configuration(_Known):
    """What of a model's configuration a load may set; the rest follows from the version."""

    version_policy: VersionPolicy | None = None


class LoadParameters(_Known):
    """Triton's parameters of a load: a configuration as text of JSON."""

    config: Json[Configuration] | None = None


class LoadRequest(_Known):
    """How a model is to be loaded."""

    parameters: LoadParameters = LoadParameters()

    def versions(self) -> list[int] | None:
        """Return the versions that are wanted, or None for what CURRENT names."""
        config = self.parameters.config
        policy = config.version_policy if config else None
        return policy.specific.versions if policy else None


class OutputTensor(BaseModel):
    """One output tensor; its data is here, or after the JSON as `parameters` says."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class InferResponse(BaseModel):
    """The answers, in the order of the rows."""

    model_name: str
    model_version: str
    id: str | int
    outputs: list[OutputTensor]


class Live(BaseModel):
    """That the process answers."""

    live: Literal[True] = True


class Ready(BaseModel):
    """That requests will be answered; both keys, because clients differ on it."""

    ready: Literal[True] = True
    live: Literal[True] = True


class ModelReady(BaseModel):
    """That a model answers."""

    name: str
    ready: Literal[True] = True


class ServerMetadata(BaseModel):
    """Who answers, and which extensions it knows."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """One tensor; -1 is the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model's tensors; `properties` adds what a row's inputs are, and is no part of the protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, Any]


class IndexEntry(BaseModel):
    """One version that the service knows."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str
