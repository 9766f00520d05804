"""Run a version's training again and compare. Knows nothing of how training is done."""

from pathlib import Path

from models.errors import UnknownModelError
from models.parts import NAME
from models.record import Environment
from models.repository import Artifact, Repository
from training.config import BUILT_IN, Config
from training.errors import DataError, DifferentError, SettingError
from training.pipeline import Trained
from training.prepare import Prepared
from training.publish import differences, manifest_of


def find(config: Config) -> tuple[Config, Artifact]:
    """Return the settings that a version was trained with, and the version that --reproduce names.

    Raises SettingError when it is not NAME or NAME/VERSION, when the store does not have it, or was written
    in format 1; DataError when its data are gone; StoreError when the store is broken.
    """
    name, _, version = (config.reproduce or "").partition("/")
    if not NAME.fullmatch(name) or (version and not version.isdecimal()):
        raise SettingError(f"TRAINING_REPRODUCE={config.reproduce}: wanted NAME or NAME/VERSION")
    try:
        old = Repository(config.store).resolve(name, int(version) if version else None)
    except UnknownModelError as error:
        raise SettingError(f"TRAINING_REPRODUCE={config.reproduce}: {error}") from error
    if not old.manifest.options:
        raise SettingError(f"{old.path}: does not say how it was trained, as it is of format 1")
    moved = {"data": config.data} if config.data not in BUILT_IN else {}
    options = {**old.manifest.options, **moved, "store": config.store}
    again = Config(_cli_parse_args=[], **options)  # type: ignore[arg-type] # as they were validated once
    if again.data not in BUILT_IN and not Path(again.data).exists():
        raise DataError(f"{again.data}: no such file; --data says where it is now")
    return again, old


def check(config: Config, old: Artifact, prepared: Prepared) -> None:
    """Raise DataError when the data are not those of the version."""
    if prepared.dataset.sha256 != old.manifest.data.sha256:
        raise DataError(f"{config.data}: is not what {old.path} was trained on, its sha256 is another")


def compare(config: Config, old: Artifact, prepared: Prepared, trained: Trained) -> str:
    """Return a sentence that says that weights and figures are the same.

    Raises DifferentError, which names what differs, where they are not.
    """
    files = {str(name): each for name, each in old.manifest.files.items()}
    new = manifest_of(config, [], prepared, trained, old.manifest.version, files)
    found = differences(old, new, trained.files["model.safetensors"])
    if found:
        changed = _changed(old.manifest.environment, new.environment)
        raise DifferentError("; ".join([f"{old.path}: differs in {', '.join(found)}", *changed]))
    return f"reproduced {old.path}: the same weights and figures"


def _changed(old: Environment, new: Environment) -> list[str]:
    """Return of the libraries and the machine what is another one now."""
    before, now = ({**each.libraries, **each.model_dump(exclude={"libraries"})} for each in (old, new))
    return [
        f"{name} was {before.get(name)} and is {value}"
        for name, value in now.items()
        if before.get(name) != value
    ]
