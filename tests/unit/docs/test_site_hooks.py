"""How docs/site_hooks.py turns the links of the checkout into those of the site,
and what it refuses.
"""

from __future__ import annotations

import pytest
import yaml

from docs.site_hooks import (
    LINKS_PAGE,
    READMES,
    external_links,
    links_page,
    loaded_from_elsewhere,
    markdown_in,
    problem_with,
    repository,
    with_links_of_the_site,
    with_wide_lists,
    without_names,
)
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("place", "link", "on_site"),
    [
        ("how-to/develop.md", "../README.md#x", "../README.md#x"),
        ("README.md", "../README.md", "start.md"),
        ("README.md", "../roles/gate/README.md#settings", "reference/roles/gate.md#settings"),
        ("reference/roles/gate.md", "../chrony/README.md", "chrony.md"),
        ("reference/roles/gate.md", "../../docs/reference/settings.md", "../settings.md"),
        ("start.md", "docs/recipes/awx/gate.yml", "recipes/awx/gate.yml"),
        ("start.md", "docs/make_pages.py", f"{repository()}/blob/main/docs/make_pages.py"),
        ("README.md", "../plugins/modules#L3", f"{repository()}/tree/main/plugins/modules#L3"),
        ("README.md", "gone.md", "gone.md"),
        ("README.md", "#here", "#here"),
        ("README.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_leads_to_the_page_or_to_the_repository(place: str, link: str, on_site: str) -> None:
    assert with_links_of_the_site(f"a [b]({link}).", place) == f"a [b]({on_site})."


def test_the_address_of_a_reference_is_a_link_too() -> None:
    assert with_links_of_the_site("[b].\n\n[b]: ../README.md\n", "README.md") == "[b].\n\n[b]: start.md\n"
    assert external_links("[b].\n\n[b]: https://example.org/b\n") == {"https://example.org/b"}


def test_code_keeps_its_links() -> None:
    code = "```markdown\n[a](../README.md)\n```\n"
    assert with_links_of_the_site(f"{code}[a](../README.md)\n{code}", "README.md") == f"{code}[a](start.md)\n{code}"


def test_the_pages_that_are_no_files_of_docs_are_in_the_navigation() -> None:
    navigation = str(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert [place for place in (*READMES, LINKS_PAGE) if f"'{place}'" not in navigation] == []
    assert [readme for readme in READMES.values() if not (ROOT / readme).is_file()] == []


def test_external_links_are_listed_with_the_pages_that_have_them() -> None:
    pages = {
        "README.md": "[a](https://example.org/a) and `<https://example.org/code>`",
        "how-to/x.md": "<https://example.org/a>\n```\n[c](https://example.org/fence)\n```\n",
    }
    assert [external_links(text) for text in pages.values()] == [{"https://example.org/a"}] * 2
    line = "- <https://example.org/a>: [README.md](../README.md), [how-to/x.md](../how-to/x.md)"
    assert links_page(pages).splitlines()[-1] == line


@pytest.mark.parametrize("address", ["https://example.org/", "https://www.rfc-editor.org/rfc/rfc5905#section-7"])
def test_a_good_address_is_accepted(address: str) -> None:
    assert problem_with(address) is None


@pytest.mark.parametrize(
    "address",
    ["http://example.org/", "ftp://example.org/", "https://localhost/", "https://a_b.org/", "https://a.org:x/"],
)
def test_an_address_of_another_form_is_a_problem(address: str) -> None:
    assert problem_with(address)


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/css">',
        '<link rel="preconnect" href="https://fonts.example.org">',
        '<img srcset="a.png 1x, https://example.org/b.png 2x">',
        '<IMG SRC="HTTP://example.org/a.png">',
        '<iframe src="https://example.org/"></iframe>',
        '<p style="background: url(https://example.org/a.png)">',
        '<style>@import "https://example.org/a.css";</style>',
    ],
)
def test_a_page_that_loads_from_another_host_is_seen(html: str) -> None:
    assert len(loaded_from_elsewhere(f"<html>{html}</html>")) == 1


def test_links_and_files_of_the_site_load_from_no_other_host() -> None:
    html = '<a href="https://example.org/">x</a><img src="a.png"><link rel="canonical" href="https://example.org/">'
    assert loaded_from_elsewhere(html) == []


def test_a_style_sheet_that_loads_from_another_host_is_seen() -> None:
    css = 'a{background:url("data:image/svg+xml;x")}@font-face{src:url(https://example.org/f.woff)}'
    assert loaded_from_elsewhere(css, css=True) == ["https://example.org/f.woff"]


def test_the_name_of_a_code_block_is_taken_off_and_a_title_stays() -> None:
    assert without_names("```python key\nx = 1\n```\n") == "```python\nx = 1\n```\n"
    assert without_names('   ```yaml title="join.yml"\n') == '   ```yaml title="join.yml"\n'


def test_what_goes_on_in_an_item_is_indented_by_four_columns() -> None:
    markdown = (
        "1. One\n   goes on.\n\n   ```python\n   x = [\n     1]\n   ```\n\n2. Two\n- Three\n  - Four\n\nText\n  more\n"
    )
    wide = "1. One\n    goes on.\n\n    ```python\n    x = [\n      1]\n    ```\n\n2. Two\n- Three\n    - Four\n\nText\n  more\n"
    assert with_wide_lists(markdown) == wide


def test_a_list_in_a_code_block_is_left_alone() -> None:
    code = "````yaml\n```\n- a:\n  b: 1\n````\n"
    assert with_wide_lists(code) == code


def test_markdown_that_a_page_shows_as_text_is_seen() -> None:
    assert markdown_in("<p>```python key x = 1 ```</p>") == ["```", "```"]
    assert markdown_in("<p>| a | | --- | | b |</p>") == ["| --- |"]
    assert markdown_in('<pre><code>```</code></pre><p title="```">-- a</p>') == []
