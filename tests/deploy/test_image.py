"""The image file and its scripts, as far as they can be checked without building."""

import re
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def test_the_image_file_is_clean() -> None:
    """Hadolint has nothing to say."""
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (0, b""), run.stderr


def test_what_is_copied_is_not_ignored() -> None:
    """Each path that the image file copies from the checkout is let through by its ignore file."""
    let_through = (DEPLOY / "Dockerfile.dockerignore").read_text()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    for path in " ".join(copied).replace("${WHEELS}", "build/wheelhouse").split():
        assert re.search(rf"^!{re.escape(path.split('/store')[0])}\*?$", let_through, re.MULTILINE), path


def test_it_runs_as_a_user_by_number() -> None:
    """Kubernetes can tell that the user is not root."""
    assert re.search(r"^USER \d{4,}:\d{4,}$", DOCKERFILE, re.MULTILINE)


def test_the_script_is_valid() -> None:
    """The shell that reads image.sh finds no error."""
    subprocess.run(["sh", "-n", DEPLOY / "image.sh"], check=True)
