"""Text that is dates or times of day. Knows nothing of columns."""

_DAY = r"[0-9]{1,2}"
_MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?\s*(?i:am|pm|z|utc|gmt|[+-][0-9]{2}:?[0-9]{2})?"
ISO = rf"^[0-9]{{4}}-[0-9]{{2}}(-[0-9]{{2}})?([T ]{_CLOCK})?$"
"""Such dates, of one form, sort as text."""
DATE = (
    rf"^(?:[A-Z][a-z]{{2}}, )?([0-9]{{4}}[-/.]{_DAY}[-/.]{_DAY}|[0-9]{{4}}-[0-9]{{2}}"
    rf"|{_DAY}[-/.]{_DAY}[-/.]([0-9]{{2}}|[0-9]{{4}})"
    rf"|{_DAY}[-. ]+{_MONTH}[-. ,]+([0-9]{{2}}|[0-9]{{4}})|{_MONTH} {_DAY},? [0-9]{{4}})"
    rf"([T ,]+{_CLOCK})?$|^{_CLOCK}$"
)
COMPACT = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
"""A day written as a whole number, if all of a column are."""
SHARE = 0.9
"""The share of a column's cells that must be dates for the column to be left out as that."""
DERIVE = "derive what may matter: the year, the weekday, the hour, or the age in days at a fixed day"
