"""What the manifests of every format are made of. Knows nothing of what a version is."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

NAME_CHARACTERS = 63
NAME = re.compile(rf"^[a-z0-9][a-z0-9._-]{{0,{NAME_CHARACTERS - 1}}}$")
LAST_VERSION = 999_999_999  # nine digits: a version is a short folder name and fits 32 bits

Name = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Text = Annotated[str, Field(min_length=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Probability
Count = Annotated[int, Field(ge=0)]


class Frozen(BaseModel):
    """A part of a manifest: read once, never changed, with no field that is not known and finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class File(Frozen):
    """One file of a version, beside the manifest."""

    sha256: Sha256
    size_bytes: Count
