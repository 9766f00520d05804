"""Batch: a file is answered row by row, judged, and given back as a file that no spreadsheet runs."""

import csv
import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, log_loss

from tests.e2e.page.conftest import Page, frames
from tests.e2e.running import Service

LONGEST_FRAME = """
window.longest = 0
let last = performance.now()
const tick = () => {
  longest = Math.max(longest, performance.now() - last)
  last = performance.now()
  requestAnimationFrame(tick)
}
tick()
"""
"""Keeps the longest time between two frames, in ms, in `window.longest`."""


def score(page: Page, url: str, model: str, file: Path) -> None:
    """Choose a file, and wait until it is answered."""
    page.open(f"{url}/#batch?model={model}")
    page.one("#file").send_keys(str(file))
    page.wait(lambda: not page.all("main progress"), "the end of the file")


def download(page: Page, file: Path) -> list[list[str]]:
    """Return the rows of the file that the page gives."""
    found = page.downloads / f"{file.stem}-answers.csv"
    found.unlink(missing_ok=True)
    page.press("Download the answers")
    page.wait(lambda: found.exists() and found.stat().st_size > 0)
    return list(csv.reader(io.StringIO(found.read_text("utf-8-sig"))))


@pytest.mark.parametrize("model", ["two", "mixed", "ten", "hostile"])
def test_a_training_file_is_answered_and_judged(
    served: Service, page: Page, models: Path, model: str
) -> None:
    """Each row has the service's label and probabilities; confusion and log-loss are scikit-learn's."""
    frame = frames()[model].rename(columns=str.strip)  # as training takes names
    file = models.parent / f"{model}.csv"
    score(page, served.url, model, file)
    page.says("400 rows answered, none of them wrong", "main")
    info = served.http.get("/info", params={"model": model}).json()
    head, *rows = download(page, file)
    width = len(frame.columns)
    assert head[width:] == ["predicted_label", *(f"probability {name}" for name in info["classes"]), "error"]
    labels = [row[width] for row in rows]
    probabilities = np.array([[float(cell) for cell in row[width + 1 : -1]] for row in rows])
    inputs = frame[[item["name"] for item in info["inputs"]]].to_numpy(object).tolist()
    instances = [[None if pd.isna(cell) else cell for cell in row] for row in inputs]
    sent = served.http.post(f"/models/{model}/predict", json={"instances": instances})
    answers = sent.json()["predictions"]
    plain = [answer["label"] for answer in answers]
    assert [label.removeprefix("'") for label in labels] == plain
    for found, answer in zip(probabilities, answers, strict=True):
        assert found.tolist() == [answer["probabilities"][name] for name in info["classes"]]
    actual = frame.iloc[:, -1].str.strip().tolist()
    probabilities /= probabilities.sum(1, keepdims=True)
    text = page.one("main").text
    loss = log_loss(actual, probabilities[:, np.argsort(info["classes"])], labels=sorted(info["classes"]))
    assert f"Log-loss: {loss:.4g}"[:14] in text
    matrix = confusion_matrix(actual, plain, labels=info["classes"])
    shown = page.cells(page.all("main table")[1])
    assert [[int(cell) for cell in row] for row in shown] == matrix.tolist()


def test_formulas_leave_as_text(served: Service, page: Page, tmp_path: Path) -> None:
    """A cell, a name and a label that a spreadsheet would run get a quote before them; numbers stay."""
    file = tmp_path / "formulas.csv"
    file.write_text('width,height,"=SUM(A1:A9)",note\n-1.5,2,=1+1,@cmd\n3,4,+x,-y\n')
    score(page, served.url, "two", file)
    head, first, second = download(page, file)
    assert head[2] == "'=SUM(A1:A9)"
    assert first[:4] == ["-1.5", "2", "'=1+1", "'@cmd"]
    assert second[:4] == ["3", "4", "'+x", "'-y"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("width;height\r\n10,5;9,5\r\n", "1 row answered, none of them wrong"),
        ("\ufeffwidth\theight\n10.5\t9.5\n", "1 row answered, none of them wrong"),
        (" width , height \n10,9\n\n\n", "1 row answered, none of them wrong"),
        ("width,height\nNA,9\n10,abc\n10\n10,9,\n", "4 rows answered, 3 of them wrong"),
        ("width\n10\n", "the file lacks height"),
        ("width,width,height\n1,2,3\n", "More than one column of the file is called width"),
        ("width,height\n", "There is no row in this file."),
        ("", "There is no row in this file."),
        ('width,height\n1,"2\n', "A quote does not end"),
    ],
)
def test_files_as_people_have_them(
    served: Service, page: Page, tmp_path: Path, content: str, says: str
) -> None:
    """Other delimiters, decimal commas, marks, blanks; what is wrong is said by row and column."""
    file = tmp_path / "rows.csv"
    file.write_bytes(content.encode())
    score(page, served.url, "two", file)
    page.says(says, "main")
    if "3 of them" in says:
        page.says('input "width": a missing value, which the model does not admit', "main")
        page.says('input "height": not a number', "main")
        page.says("1 cells for 2 columns", "main")


def test_utf16_and_latin1_are_read(served: Service, page: Page, tmp_path: Path) -> None:
    """As Excel and old Windows programs write them."""
    for encoding in ("utf-16", "latin-1"):
        file = tmp_path / f"{encoding}.csv"
        text = "age,income,city,member,stars\n30,10,Köln,yes,1\n"
        file.write_bytes(text.encode(encoding))
        score(page, served.url, "mixed", file)
        page.says("1 row answered, none of them wrong", "main")
        assert download(page, file)[1][2] == "Köln"


def test_the_same_file_twice(served: Service, page: Page, models: Path) -> None:
    """It is answered again, alone."""
    file = models.parent / "two.csv"
    score(page, served.url, "two", file)
    page.one("#file").send_keys(str(file))
    page.says("400 rows answered", "main")
    assert len(page.all("main h3")) == 2


def large(folder: Path, rows: int) -> Path:
    """Write rows of the the model with two inputs."""
    random = np.random.default_rng(3)
    file = folder / f"large-{rows}.csv"
    table = pd.DataFrame({name: random.normal(10, 3, rows).round(3) for name in ("width", "height")})
    table.to_csv(file, index=False)
    return file


def test_a_hundred_thousand_rows(served: Service, page: Page, tmp_path: Path) -> None:
    """The tab answers a person meanwhile, and none of the rows is missing."""
    file = large(tmp_path, 100_000)
    page.open(f"{served.url}/#batch?model=two")
    page.run(LONGEST_FRAME)
    page.one("#file").send_keys(str(file))
    page.wait(lambda: page.all("main .main"), "the end of the file")
    page.says("100,000 rows answered, none of them wrong", "main")
    assert page.run("return window.longest") < 2000
    assert len(download(page, file)) == 100_001


def test_a_person_stops(served: Service, page: Page, tmp_path: Path) -> None:
    """What was answered until then is there."""
    file = large(tmp_path, 300_000)
    page.open(f"{served.url}/#batch?model=two")
    page.one("#file").send_keys(str(file))
    page.wait(lambda: "answered" in page.one("main [role=status]").text)
    page.press("Stop")
    page.says("Stopped.", "main")
    assert 1 < len(download(page, file)) < 300_001


def test_it_goes_on_when_the_service_is_back(
    start: Callable[..., Service], page: Page, models: Path, tmp_path: Path
) -> None:
    """A service that is killed on the way costs no row."""
    settings: dict[str, Any] = {"model_store": models, "model": "two", "api_servers": 1}
    service = start(**settings)
    file = large(tmp_path, 100_000)
    page.open(f"{service.url}/#batch?model=two")
    page.one("#file").send_keys(str(file))
    page.wait(lambda: "answered" in page.one("main [role=status]").text)
    service.stop(signal.SIGTERM)
    page.says("This goes on when it is back.", "main")
    start(port=service.port, **settings)
    page.says("100,000 rows answered, none of them wrong", "main")
