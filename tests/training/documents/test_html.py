"""The report of real versions: well-formed, small, by itself, and as the manifest says."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from training.documents import html
from training.documents.digits import figure
from training.documents.tables import measures

KINDS = (
    "two classes", "three classes", "two inputs", "wide", "mixed", "lopsided", "hostile", "hostile pair"
)  # fmt: skip
VOID = {"meta", "br"}
ELEMENTS = VOID | set(
    re.findall(
        r"\w+",
        """html head title style body main h1 h2 h3 p b bdi small span div table thead tbody tr th td ul li
        pre figure figcaption svg desc path g text line circle""",
    )
)
ATTRIBUTES = set(
    re.findall(
        r"[-\w]+",
        """lang charset name content class style role scope title dir aria-hidden viewbox width height
        font-size fill stroke stroke-width stroke-opacity stroke-dasharray text-anchor transform d x y
        x1 x2 y1 y2 cx cy r""",
    )
)


class Page(HTMLParser):
    """Reads a page, whose elements must be closed in their order, and keeps its text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.titles: list[str] = []
        self.names: list[str] = []
        self.headings: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value or "" for name, value in attrs if name == "title"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag == "bdi":
            self.names.append("")
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text where it stands."""
        if "bdi" in self.open:
            self.names[-1] += data
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def drawings(text: str) -> list[ET.Element]:
    """Return the charts of a page that stand by themselves, read as XML."""
    found = [ET.fromstring(each) for each in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]  # noqa: S314 - ours
    return [each for each in found if each.get("role") == "img"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_one_small_page(kind: str, versions: Mapping[str, Any]) -> None:
    """Elements are closed, none runs or loads anything, and all parts are there in their order."""
    text = versions[kind].text("report.html")
    assert len(text.encode()) < 100_000
    page = Page(text)
    assert page.open == []
    assert page.elements <= ELEMENTS
    assert page.attributes <= ATTRIBUTES
    assert not re.search(r"<script|<link|<img|@import|url\(|src=|href=", re.sub("&lt;.*?&gt;", "", text))
    assert page.headings == [
        "The data", "The fit", "How good it is", "What is answered", "Coefficients", "How to repeat it",
        "What it is not for",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_chart_is_well_formed_and_told(kind: str, versions: Mapping[str, Any]) -> None:
    """Its title and description are there, it has labels and ticks, and all of it is within its frame."""
    version = versions[kind]
    charts = drawings(version.text("report.html"))
    classes = len(version.manifest.classes)
    told = 1 if classes == 2 else classes
    plane = version.document["points"] is not None
    assert len(charts) == 1 + 3 * told + 1 + plane
    for chart in charts:
        _, _, width, height = map(float, chart.attrib["viewBox"].split())
        assert chart[0].tag == "title"
        assert chart[0].text
        assert chart[1].tag == "desc"
        assert chart[1].text
        assert len(chart.findall(".//text")) >= 6
        for each in chart.findall(".//circle"):
            assert 0 <= float(each.attrib["cx"]) <= width
            assert 0 <= float(each.attrib["cy"]) <= height
        drawn = [each.attrib.get("d", "") for each in chart.findall(".//path")]
        assert re.fullmatch(r"[-MLHVlhvZm0-9. ]+", "".join(drawn))


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_those_of_the_manifest(kind: str, versions: Mapping[str, Any]) -> None:
    """Log-loss, areas and Brier score of each split, rows, and the confusion."""
    version = versions[kind]
    manifest = version.manifest
    rows = Page(version.text("report.html")).rows
    table = measures(manifest)
    tiles = rows[0]
    for tile, each in zip(tiles, table[:3], strict=True):
        assert tile.startswith(f"{each.name}{each.values[2]}95 %: {each.interval}")
    assert [[each.name, *each.values, each.base] for each in table] == rows[2:7]
    for split, place in (("train", 1), ("validation", 2), ("test", 3)):
        measured = manifest.metrics[split]
        brier = next(row for row in rows if row[0] == "Brier score")
        assert brier[place] == figure(None if measured is None else measured.brier)
    assert ["all", *(f"{manifest.data.rows[split]:,}" for split in ("train", "validation", "test"))] in rows
    test = manifest.metrics["test"]
    assert test is not None
    for counts in test.confusion:
        wanted = [str(count) for count in counts]
        assert any(len(row) == len(counts) + 1 and all(map(str.startswith, row[1:], wanted)) for row in rows)


def test_hostile_names_stay_text(versions: Mapping[str, Any]) -> None:
    """They are nowhere but in elements of their own direction, cut with the whole in a title, once."""
    for kind in ("hostile", "hostile pair"):
        text = versions[kind].text("report.html")
        page = Page(text)
        for name in (
            "<img src=x onerror=alert(1)>",
            "__proto__",
            "{{7*7}}",
            "\u05e9\u05dc\u05d5\u05dd\u200f",
        ):
            assert name in page.names
        assert "mean\\u202eradius" in page.names
        assert "\u202e" not in text
        assert "\x01" not in text
        assert {title for title in page.titles if title.startswith("x")} == {"x" * 299 + "a", "x" * 299 + "b"}
        assert max(map(len, page.names)) <= 400
        cut = {name for name in page.names if "…" in name and name.startswith("x")}
        assert cut == {"x" * 29 + "…" + "x" * 9 + "a", "x" * 29 + "…" + "x" * 9 + "b"}


def test_the_same_run_gives_the_same_bytes(versions: Mapping[str, Any]) -> None:
    """What is written is a function of evaluation.json and the manifest."""
    for version in versions.values():
        assert html.render(version.document, version.manifest) == version.artifact.read("report.html")


def test_the_store_knows_their_digests(versions: Mapping[str, Any]) -> None:
    """The manifest lists all five files, and the version in the report is the one that was given."""
    for version in versions.values():
        assert list(version.manifest.files) == [
            "model.pt", "model.safetensors", "evaluation.json", "report.html", "README.md"
        ]  # fmt: skip
        assert f"<h1>{version.manifest.name} 1</h1>" in version.text("report.html")


def test_all_is_said_of_validation_rows_that_chose_something(versions: Mapping[str, Any]) -> None:
    """A sentence stands there instead of figures."""
    assert "so nothing is measured on them" in versions["mixed"].text("report.html")
    assert "so nothing is measured on them" not in versions["two classes"].text("report.html")


def test_names_that_hardly_differ_do(versions: Mapping[str, Any]) -> None:
    """A blank at the end is quoted, and so is an empty label."""
    version = versions["two inputs"]
    for classes, shown in ((("", "1"), "“”"), (("no", "no "), "“no ”")):
        manifest = version.manifest.model_copy(update={"classes": classes, "positive": classes[1]})
        split = version.document["splits"]["test"]
        told = {
            "curves": {classes[1]: split["curves"]["1"]},
            "histograms": dict(zip(classes, split["histograms"].values(), strict=True)),
        }
        document = version.document | {"splits": {"test": split | told}}
        names = Page(html.render(document, manifest).decode()).names
        assert shown in names
        assert {"no", "“no ”"} & set(names) == (set(classes) & {"no"}) | ({shown} - {"“”"})


def test_a_split_without_a_class_has_no_curves(versions: Mapping[str, Any]) -> None:
    """It says so, and an empty histogram is drawn."""
    version = versions["three classes"]
    split = version.document["splits"]["test"]
    empty = {"own": [0] * 20, "others": split["histograms"]["setosa"]["others"]}
    lone = split | {
        "curves": split["curves"] | {"setosa": None},
        "histograms": split["histograms"] | {"setosa": empty},
    }
    text = html.render(version.document | {"splits": {"test": lone}}, version.manifest).decode()
    assert "No curves: the test rows hold none of <bdi>setosa</bdi>" in text
    assert len(drawings(text)) == 1 + 3 * 3 + 1 - 2
    none = html.render(version.document | {"splits": {}}, version.manifest).decode()
    assert "There are no curves of the test rows." in none


def test_long_tables_are_cut_to_fit(versions: Mapping[str, Any]) -> None:
    """Where names are as long as they may be, fewer rows stay, and how many more there are is said."""
    version = versions["wide"]
    inputs = [
        item.model_copy(update={"name": f"{place}{'<' * 298}"})
        for place, item in enumerate(version.manifest.inputs)
    ]
    manifest = version.manifest.model_copy(update={"inputs": tuple(inputs)})
    page = html.render(version.document, manifest)
    assert len(page) < 100_000
    assert re.search(r"and \d+ more, in manifest\.json", page.decode())
    labels = tuple(f"{index}{'<' * 298}" for index in range(10))
    split = version.document["splits"]["test"]
    told = {
        field: dict(zip(labels, split[field].values(), strict=True)) for field in ("curves", "histograms")
    }
    document = version.document | {"splits": {"test": split | told}}
    page = html.render(document, manifest.model_copy(update={"classes": labels}))
    assert len(page) < 100_000
    assert Page(page.decode()).open == []
