"""The model card, as Markdown and YAML read it."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from training.documents import card
from training.documents.tables import measures

HEADINGS = (
    "Model Details", "Model Description", "Uses", "Direct Use", "Out-of-Scope Use",
    "Bias, Risks, and Limitations", "How to Get Started with the Model", "Training Details", "Training Data",
    "Training Procedure", "Preprocessing", "Training Hyperparameters", "Evaluation",
    "Testing Data, Factors & Metrics", "Results", "Technical Specifications",
    "Model Architecture and Objective", "Compute Infrastructure", "Hardware", "Software",
)  # fmt: skip
"""Those of Hugging Face's template that a run can fill, in its order."""
KINDS = ("two classes", "three classes", "two inputs", "wide", "mixed", "lopsided", "hostile", "hostile pair")


def parts(text: str) -> tuple[dict[str, Any], str]:
    """Return the metadata, and the page below it."""
    _, metadata, page = re.split("^---$", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(metadata), page


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_has_what_hugging_face_reads(kind: str, versions: Mapping[str, Any]) -> None:
    """Metadata of known keys, and headings of the template, none of which is empty."""
    version = versions[kind]
    metadata, page = parts(version.text("README.md"))
    assert metadata.keys() == {"library_name", "pipeline_tag", "model_name", "tags", "metrics"}
    assert metadata["pipeline_tag"] == "tabular-classification"
    assert metadata["model_name"] == version.manifest.name
    assert "accuracy" in metadata["metrics"]
    tokens = MarkdownIt().enable("table").parse(page)
    found = [tokens[place + 1].content for place, each in enumerate(tokens) if each.type == "heading_open"]
    assert found[0] == f"Model Card for {version.manifest.name} 1"
    assert tuple(found[1:]) == HEADINGS
    assert "More Information Needed" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_names_stay_text(kind: str, versions: Mapping[str, Any]) -> None:
    """Each table has its rows and columns, and nothing of a name is markup."""
    version = versions[kind]
    parser = MarkdownIt().enable("table")
    _, page = parts(version.text("README.md"))
    tokens = parser.parse(page)
    rows = [each for each in tokens if each.type == "tr_open"]
    cells = [each for each in tokens if each.type in ("td_open", "th_open")]
    inputs, figures = len(version.manifest.inputs), len(measures(version.manifest))
    assert len(rows) == 1 + inputs + 1 + figures
    assert len(cells) == 5 * (1 + inputs) + 6 * (1 + figures)
    assert "html_block" not in {each.type for each in tokens}
    inner = {child.type for each in tokens for child in each.children or []}
    assert inner <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    assert "\u202e" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_is_one_that_can_be_pasted(kind: str, versions: Mapping[str, Any]) -> None:
    """A shell reads the first golden row from it, and the row's probabilities stand below."""
    version = versions[kind]
    tokens = MarkdownIt().parse(parts(version.text("README.md"))[1])
    blocks = [each.content for each in tokens if each.type == "fence"]
    asked = [shlex.split(each) for each in blocks if each.startswith("curl")]
    assert blocks[-1] == f"python -m training --reproduce {version.manifest.name}/1\n"
    if kind == "wide":
        assert len(asked) in (0, 1)
    for each in asked:
        assert json.loads(each[-1])["instances"] == [list(version.manifest.golden[0].input)]
    assert kind == "wide" or asked


def test_long_lists_are_cut(versions: Mapping[str, Any]) -> None:
    """More inputs than a hundred are counted."""
    version = versions["wide"]
    inputs = [
        item.model_copy(update={"name": f"{item.name} {copy}"})
        for copy in range(3)
        for item in version.manifest.inputs
    ]
    manifest = version.manifest.model_copy(update={"inputs": tuple(inputs)})
    page = card.render(version.document, manifest).decode()
    assert "200 more inputs are in `manifest.json`." in page
    assert page.count("| numeric |") == 100


def test_the_same_run_gives_the_same_bytes(versions: Mapping[str, Any]) -> None:
    """What is written is a function of evaluation.json and the manifest."""
    for version in versions.values():
        assert card.render(version.document, version.manifest) == version.artifact.read("README.md")
