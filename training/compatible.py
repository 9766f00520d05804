"""What clients of one version send, and another one would not take. Knows nothing of how good either is.

A service wants every input of a row by name, `null` too, and as many cells by position as there are inputs.
So there can be no input more or less, nor another order, which rows by position would not notice.
"""

from models.inputs import Boolean, Categorical, Input
from models.manifest import Manifest

SHOWN = 80
"""Characters of a name that are repeated."""


def refusals(old: Manifest, new: Manifest) -> list[str]:
    """Say what the old version takes and the new one refuses or reads otherwise, or answers otherwise."""
    found = []
    if old.classes != new.classes:
        found.append(f"its classes are {_listed(new.classes)}, and were {_listed(old.classes)}")
    before, now = {item.name: item for item in old.inputs}, {item.name: item for item in new.inputs}
    found += [f"input {name!r:.{SHOWN}} is no more" for name in before if name not in now]
    found += [
        f"input {name!r:.{SHOWN}} is new, and clients do not send it" for name in now if name not in before
    ]
    if before.keys() == now.keys() and list(before) != list(now):
        found.append("its inputs are in another order, so rows by position would be misread")
    for name, item in before.items():
        if name in now:
            found += [f"input {name!r:.{SHOWN}} {what}" for what in _of_input(item, now[name])]
    found += [
        f"column {name!r:.{SHOWN}}, which was ignored, would be refused"
        for name in sorted(old.ignored - new.ignored)
        if name not in now
    ]
    return found


def _of_input(old: Input, new: Input) -> list[str]:
    """Say which cells are no more taken."""
    if old.kind != new.kind:
        return [f"is {new.kind}, and was {old.kind}"]
    found = []
    if old.missing.admitted and not new.missing.admitted:
        found.append("takes no missing value any more")
    if isinstance(old, Categorical) and isinstance(new, Categorical) and old.of_integers != new.of_integers:
        found.append(
            "takes whole numbers, and took text" if new.of_integers else "takes text, and took numbers"
        )
    if isinstance(old, Boolean) and isinstance(new, Boolean):
        known = {text.casefold(): truth for text, truth in new.texts.items()}
        found += [
            f"does not take {text!r:.{SHOWN}} as it did"
            for text, truth in old.texts.items()
            if known.get(text.casefold()) is not truth
        ]
    return found


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(map(repr, names)):.{SHOWN}}"
