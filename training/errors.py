"""Why a training run stopped, each with its exit code. Knows nothing of where the fault was found."""

import errno
import os


class TrainingError(Exception):
    """The run cannot go on; the message is one line for the person who started it."""

    exit_code = 1


class SettingError(TrainingError):
    """A setting is wrong; the message names it, its value and what was wanted."""

    exit_code = 2


class DataError(TrainingError):
    """The data cannot be read or trained on; the message names the file and the column or class at fault."""

    exit_code = 2


class FitError(TrainingError):
    """There is no optimum, or the solver ended with weights that are not numbers."""

    exit_code = 2


class RanksError(TrainingError):
    """Processes that were to train together do not any more."""


class ExportError(TrainingError):
    """The exported module does not answer as the trained one."""


class DifferentError(TrainingError):
    """A run that should reproduce a version gave other weights or figures."""


class PublishError(TrainingError):
    """The store cannot be written."""

    exit_code = 3


def reason(error: Exception) -> str:
    """Return what an error says; of the system's the words alone, as the place that has the path is named."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "no such file"
    return os.strerror(number) if number else str(error)
