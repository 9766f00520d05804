"""The id that a client gives its request, in the protocols that are JSON."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

MAX_ID_CHARACTERS = 128
WRONG_ID = f"wanted text or a whole number, of at most {MAX_ID_CHARACTERS} characters"

_LARGEST = 10**MAX_ID_CHARACTERS
# The limits are left out of the description: no reader of it holds a number of that size.
_Number = Annotated[int, Field(strict=True, gt=-_LARGEST, lt=_LARGEST), WithJsonSchema({"type": "integer"})]
_Text = Annotated[str, Field(max_length=MAX_ID_CHARACTERS)]

Id = Annotated[
    _Text | _Number | None,
    Field(union_mode="left_to_right", description="Echoed as it came; made when absent."),
]
