"""The pages lead to each other, and to the tests that they name."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), ROOT / "models" / "README.md", *(ROOT / "docs").glob("*.md")]


def prose(page: Path) -> str:
    """Return a page without its blocks of code, in which `#` begins a comment and no heading."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> Iterator[str]:
    """Yield the anchors of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(page), re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere: to no file, or to no heading in it."""
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if re.match(r"[a-z]+:", link):  # out of the repository
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link is a file of the repository, and its anchor a heading of that file."""
    assert broken(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """To a file, to a heading of another page or of its own, and to what only a block of code says."""
    (tmp_path / "other.md").write_text("# Who asks, and how?\n## Twice\n## Twice\n```sh\n# a comment\n```\n")
    page = tmp_path / "page.md"
    good = ["other.md", "other.md#who-asks-and-how", "other.md#twice-1", "#here", "https://example.com/#x"]
    bad = ["no.md", "other.md#here", "other.md#twice-2", "other.md#a-comment", "#who-asks-and-how"]
    page.write_text("# Here\n" + "\n".join(f"[a link]({link})" for link in [*good, *bad]))
    assert broken(page) == bad


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    """A promise without its test is none."""
    there = {path.name for path in (ROOT / "tests").rglob("*.py")}
    assert set(re.findall(r"\btest_\w+\.py", page.read_text())) <= there


def test_every_module_that_a_page_runs_is_there() -> None:
    """By its path with dots, as `-m` takes it."""
    for page in PAGES:
        for module in re.findall(
            r"python -m ((?:deploy|models|service|tests|training)[\w.]*)", page.read_text()
        ):
            path = ROOT / module.rstrip(".").replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), (page.name, module)
