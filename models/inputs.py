"""The inputs of a model, by kind: what each takes and what training saw in it. Knows nothing of weights."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.parts import Count, Frozen, Share, Text

Cell = Annotated[bool | int | float | str | None, Field(union_mode="smart")]
"""One value as a client sends it: a number, a truth, a text, or null for a missing one."""


class Missing(Frozen):
    """Whether `null` is taken, and which value it then counts as, beside a weight of its own.

    A categorical input's missing value is a category of its own, and counts as no other.
    """

    admitted: bool
    imputed_by: bool | float | None

    @model_validator(mode="after")
    def _imputed_if_admitted(self) -> Self:
        if self.imputed_by is not None and not self.admitted:
            raise ValueError("imputed_by of an input that admits no missing value")
        return self


class Bins(Frozen):
    """Quantile bins of the values that are there: their edges, one more than `shares`, and training's share.

    A bin holds its lower edge and not its upper one; the last holds both.
    """

    edges: tuple[float, ...]
    shares: tuple[Share, ...]

    @model_validator(mode="after")
    def _edges_enclose(self) -> Self:
        if len(self.edges) != len(self.shares) + 1 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must ascend, one more than shares")
        return self


class NumericReference(Frozen):
    """What the train rows held, in the input's own unit; the numbers are of those that were there."""

    rows: Count
    missing: Share
    mean: float
    std: float
    min: float
    max: float
    bins: Bins | None


class BooleanReference(Frozen):
    """Which shares of the train rows were false, true and missing."""

    rows: Count
    missing: Share
    false: Share
    true: Share


class CategoricalReference(Frozen):
    """Which share of the train rows each category had, in their order, and the rare ones together."""

    rows: Count
    missing: Share
    shares: tuple[Share, ...]
    rare: Share


class _Input(Frozen):
    name: Text
    unit: Text | None = None
    missing: Missing


class Numeric(_Input):
    """A number."""

    kind: Literal["numeric"] = "numeric"
    reference: NumericReference


class Boolean(_Input):
    """A truth, which may also be sent as one of the texts that stood for it in training."""

    kind: Literal["boolean"] = "boolean"
    texts: dict[str, bool]
    reference: BooleanReference


class Categorical(_Input):
    """One of several texts, or of several integers. The rare ones share a weight."""

    kind: Literal["categorical"] = "categorical"
    categories: tuple[str, ...] | tuple[int, ...]
    rare: tuple[str, ...] | tuple[int, ...]
    reference: CategoricalReference

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        every = [*self.categories, *self.rare]
        if not every or len(set(every)) < len(every) or len({type(each) for each in every}) > 1:
            raise ValueError("categories must be distinct, and all texts or all integers")
        if list(self.categories) != sorted(self.categories) or list(self.rare) != sorted(self.rare):
            raise ValueError("categories must be sorted")
        if len(self.reference.shares) != len(self.categories):
            raise ValueError("wanted a share of each category")
        return self

    @property
    def of_integers(self) -> bool:
        """Whether the categories are integers and not texts."""
        return isinstance([*self.categories, *self.rare][0], int)

    @property
    def places(self) -> int:
        """How many codes there are: the categories, then a rare one, an unseen one, and a missing one."""
        return len(self.categories) + 3


Input = Annotated[Numeric | Boolean | Categorical, Field(discriminator="kind")]
