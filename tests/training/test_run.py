"""What a run prints, and what it does beside publishing."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from models import weights
from models.repository import Repository
from training.__main__ import main

TABLES = Path(__file__).with_name("tables")
GAPS = ("--data", str(TABLES / "gaps.csv"), "--target", "paid")
HOSTILE = [
    "__proto__",
    "a%b",
    "age, years",
    'in"come',
    "<img src=x onerror=alert(1)>",
    "=SUM(A1:A9)",
    "it's",
    "mean\u202eradius",
    "été",
    "e\u0301te\u0301",
    "🍎 weight (g)",
    "0",
    "-1",
    "a\\nb",
    "line\nbreak",
    "label",
    "x" * 600,
]


def test_quiet_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what was found nor the report, also when nothing is new or a version is run again."""
    store = ["--store", str(tmp_path), "--quiet"]
    assert main([*GAPS, *store]) == 0
    assert main([*GAPS, *store]) == 0
    assert main(["--reproduce", "gaps/1", *store]) == 0
    assert capsys.readouterr() == ("", "")
    assert Repository(tmp_path).versions("gaps") == [1]


def test_nothing_new_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the flag that publishes all the same."""
    store = ["--store", str(tmp_path)]
    assert main([*GAPS, *store]) == 0
    capsys.readouterr()
    assert main([*GAPS, *store]) == 0
    said = "nothing new: gaps is served with the same weights and figures; --force publishes\n"
    assert capsys.readouterr().out.endswith(said)
    assert main([*GAPS, *store, "--force"]) == 0
    assert f"published  {tmp_path / 'gaps' / '2'}\n" in capsys.readouterr().out


def test_a_printed_schema_says_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It publishes nothing, and given as --schema finds the same inputs; edited, others."""
    assert main([*GAPS, "--store", str(tmp_path / "store"), "--print-schema"]) == 0
    text = capsys.readouterr().out
    assert not (tmp_path / "store").exists()
    schema = tmp_path / "schema.toml"
    inputs = []
    for given in (None, text, text.replace('["city"]\nkind = "categorical"', '["city"]\nleave_out = true')):
        options = []
        if given is not None:
            schema.write_text(given)
            options = ["--schema", str(schema)]
        assert (
            main(
                [
                    *GAPS,
                    "--store",
                    str(tmp_path / "store"),
                    "--quiet",
                    "--force",
                    "--promote",
                    "always",
                    *options,
                ]
            )
            == 0
        )
        inputs.append(Repository(tmp_path / "store").resolve("gaps").manifest.inputs)
    assert inputs[0] == inputs[1]
    assert [item.name for item in inputs[2]] == ["age", "income", "debt", "owner"]


def test_a_built_in_set_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing in it to check."""
    assert main(["--data", "toy", "--store", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("toy 1: 2 inputs to class (0, 1)\n")


def test_the_strongest_inputs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of categories the largest, which is said only where there are any."""
    assert main([*GAPS, "--store", str(tmp_path)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("strongest"))
    assert line.endswith("(logit per standard deviation; of categories the largest)")
    assert main(["--data", "toy", "--store", str(tmp_path)]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("strongest"))
    assert line.endswith("(logit per standard deviation)")


def boundary(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("boundary")]


@pytest.mark.parametrize(
    ("options", "least"), [([], 0.5), (["--threshold", "0.8"], 0.8), (["--positive", "no"], 0.5)]
)
def test_the_line_is_where_the_answer_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], least: float
) -> None:
    """A point on it has the threshold's probability by the published weights, whatever is positive."""
    data = ["--data", str(TABLES / "integers-few.csv"), "--target", "back", "--store", str(tmp_path)]
    assert main([*data, *options]) == 0
    (line,) = boundary(capsys.readouterr().out)
    w1, w2, b = (float(line.split()[place]) for place in (1, 4, 7))
    artifact = Repository(tmp_path).resolve("integers-few")
    read = weights.read(artifact.manifest, safetensors.numpy.load(artifact.read("model.safetensors")))
    visits = 10.0
    point = np.array([[(-b - w2 * visits) / w1, visits]], np.float32)
    p = weights.probabilities(read.logits(point))[0, 1]
    assert p == pytest.approx(least, abs=1e-3)


def test_a_category_is_no_axis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is a number with gaps: no line is drawn."""
    data = ["--data", str(TABLES / "integers-few.csv"), "--target", "back", "--store", str(tmp_path)]
    assert main([*data, "--categorical", "stars"]) == 0
    assert boundary(capsys.readouterr().out) == []


def hostile(path: Path, target: str) -> None:
    """Write a table whose names people and attackers have, and whose labels are no better."""
    draw = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HOSTILE, target])
        for row in range(120):
            label = ("<b>yes</b>", "@cmd", "né\u202e")[row % 3]
            writer.writerow([*draw.normal(size=len(HOSTILE)).round(3).tolist(), label])


@pytest.mark.parametrize("target", ["y", "probabilities", "decision", "ta\nrget"])
def test_names_stay_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    """In the manifest and the evaluation, to the letter; on a terminal each stays on its line."""
    data = tmp_path / "数据.csv"
    hostile(data, target)
    assert main(["--data", str(data), "--target", target, "--store", str(tmp_path / "store")]) == 0
    out = capsys.readouterr().out
    artifact = Repository(tmp_path / "store").resolve("model")
    manifest = artifact.manifest
    assert [item.name for item in manifest.inputs] == HOSTILE
    assert manifest.classes == ("<b>yes</b>", "@cmd", "né\u202e")
    assert (manifest.data.source, manifest.data.target) == ("数据.csv", target)
    evaluation = json.loads(artifact.read("evaluation.json"))
    assert evaluation["design"] == {name: [name] for name in HOSTILE}
    assert "\u202e" not in out
    table = out.split("\n\n")[1].splitlines()
    assert len(table) == 1 + len(HOSTILE)
    assert table[1 + HOSTILE.index("line\nbreak")].startswith("line\\nbreak ")


def test_flags_take_such_names(tmp_path: Path) -> None:
    """Each of them, whole."""
    data = tmp_path / "names.csv"
    hostile(data, "y")
    given = [f"--leave-out={name}" for name in HOSTILE[1:]]
    units = ["--units", f"{HOSTILE[0]}=m²"]
    options = ["--target", "y", "--store", str(tmp_path / "store"), "--quiet"]
    assert main(["--data", str(data), *options, *given, *units]) == 0
    manifest = Repository(tmp_path / "store").resolve("names").manifest
    assert [(item.name, item.unit) for item in manifest.inputs] == [(HOSTILE[0], "m²")]
    assert [left.column for left in manifest.left_out] == HOSTILE[1:]


def test_a_thousand_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows some and says how many more; all of them are inputs."""
    x = np.random.default_rng(0).normal(size=(60, 1000)).round(3)
    y = np.where(x[:, 0] > 0, "yes", "no")[:, None]
    lines = [",".join([*(f"c{column}" for column in range(1000)), "y"])]
    lines += [",".join(row) for row in np.hstack([x.astype(str), y])]
    data = tmp_path / "wide.csv"
    data.write_text("\n".join(lines))
    assert main(["--data", str(data), "--target", "y", "--store", str(tmp_path / "store")]) == 0
    assert "and 800 more; --print-schema writes all of them" in capsys.readouterr().out
    assert len(Repository(tmp_path / "store").resolve("wide").manifest.inputs) == 1000


def test_a_reader_who_leaves_does_not_end_the_run(tmp_path: Path) -> None:
    """As `head` does after its lines: the version is published, and nobody complains."""
    program = "import sys; from training.__main__ import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *GAPS, "--store", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert Repository(tmp_path).versions("gaps") == [1]
