"""Names and texts of a file, which may hold anything, as text of a page. Knows nothing of what they name."""

import re

from markupsafe import Markup

from training.found import shown

NAME_WIDTH = 40
"""Letters of a name in a table."""
TITLE_WIDTH = 300
"""Letters of the whole name, which a pointer shows; a header's names are rarely longer."""
TEXT_WIDTH = 400
"""Letters of a sentence that names something, as a warning does."""
END = 10
"""Letters that stay behind an ellipsis: names often differ at their end."""

KEPT = "\u200c\u200d\u200e\u200f\u061c"
"""Joiners and marks of direction, without which Persian, Arabic and emoji are not what they were."""
ISOLATE, POP = "\u2068", "\u2069"
"""What <bdi> is where there are no elements: the direction of a name ends with it."""


def visible(text: str) -> str:
    """Return a text with what can't be seen written out, and within quotes if it is empty or ends in a blank.

    XML can hold it, and two names that differ by a blank look different.
    """
    legible = "".join(letter if letter in KEPT else shown(letter) for letter in text)
    return legible if legible and legible == legible.strip() else f"“{legible}”"


def short(text: str, width: int = NAME_WIDTH) -> str:
    """Return a visible text of at most `width` letters; a longer one loses what is before its end."""
    whole = visible(text)
    end = min(END, width // 3)
    return whole if len(whole) <= width else f"{whole[: width - end - 1]}…{whole[-end:]}"


def named(text: str, width: int = NAME_WIDTH) -> Markup:
    """Return a name as an element of its own direction."""
    return Markup("<bdi>{}</bdi>").format(short(text, width))


def titled(text: str, width: int = NAME_WIDTH) -> Markup:
    """Return a name whose title has all of it where it was too long: once a page, for it may be long."""
    if len(visible(text)) <= width:
        return named(text, width)
    return Markup('<bdi title="{}">{}</bdi>').format(short(text, TITLE_WIDTH), short(text, width))


def isolated(text: str, width: int = NAME_WIDTH) -> str:
    """Return a name for text without elements, such as the description of a chart."""
    return f"{ISOLATE}{short(text, width)}{POP}"


def code(text: str, width: int = NAME_WIDTH) -> str:
    """Return a name as a code span of Markdown, in which nothing is markup, also within a table."""
    legible = shown(short(text, width))
    around = fence(legible, 1)
    pad = " " if legible[0] == "`" or legible[-1] == "`" else ""
    return f"{around}{pad}{legible}{pad}{around}".replace("|", "\\|")


def fence(text: str, least: int) -> str:
    """Return a run of backticks that is longer than any in a text."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))
