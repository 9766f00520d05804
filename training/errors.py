"""Why a training run stopped, each with its exit code. Knows nothing of where the fault was found."""


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
    """The solver ended with weights that are not numbers."""


class ExportError(TrainingError):
    """The exported module does not answer as the trained one."""


class PublishError(TrainingError):
    """The store cannot be written."""
