"""What a model's versions in the store say of the rows that they answered. Knows nothing of files."""

import contextlib
from pathlib import Path

from models.errors import StoreError
from models.inputs import Boolean, Input
from models.repository import Repository
from training.lines import Cell, Row


class Versions:
    """The versions that rows name, each looked up once; one that the store does not have says nothing."""

    def __init__(self, store: Path, name: str) -> None:
        self._repository, self._name = Repository(store), name
        self._inputs: dict[str, tuple[Input, ...]] = {}
        self._texts: dict[str, dict[str, dict[bool, str]]] = {}

    @property
    def target(self) -> str | None:
        """What CURRENT's version calls its labels."""
        with contextlib.suppress(StoreError):
            return self._repository.resolve(self._name).manifest.data.target
        return None

    @property
    def order(self) -> list[str]:
        """The inputs of the newest version: rows by position are read in their order."""
        known = [version for version, inputs in self._inputs.items() if inputs]
        return [item.name for item in self._inputs[max(known, key=int)]] if known else []

    def truths(self, row: Row) -> dict[str, Cell]:
        """Return those of a row's truths that stand for a text, as that text, which clients send too."""
        if row.version not in self._inputs:
            self._look(row.version)
        return {
            name: texts[cell]
            for name, texts in self._texts[row.version].items()
            if isinstance(cell := row.inputs.get(name), bool) and cell in texts
        }

    def _look(self, version: str) -> None:
        inputs: tuple[Input, ...] = ()
        with contextlib.suppress(StoreError):
            inputs = self._repository.resolve(self._name, int(version)).manifest.inputs
        self._inputs[version] = inputs
        self._texts[version] = {
            item.name: {truth: text for text, truth in reversed(item.texts.items())}
            for item in inputs
            if isinstance(item, Boolean)
        }
