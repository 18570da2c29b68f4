"""What MkDocs calls while it builds the site: the same Markdown works in the checkout and on it.

A link to a page of the site becomes a link between pages. Any other link to a file of the checkout
becomes a link to that file in the repository. Names of code blocks, which the tests use, are taken
off, and what goes on in an item of a list is indented as Python-Markdown wants it.

The build fails if a page would load anything from another host, or shows Markdown as text.
"""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).parents[1]
LOG = logging.getLogger("mkdocs.hooks.site")
"""A warning here fails the build, which is strict."""

READMES = {
    "start.md": "README.md",
    "security.md": "SECURITY.md",
    "reference/roles/gate.md": "roles/gate/README.md",
    "reference/roles/chrony.md": "roles/chrony/README.md",
}
"""Pages of the site whose file is not below docs/, by their place on the site."""
LINKS_PAGE = "reference/external-links.md"

_NAMED_FENCE = re.compile(r"^( *`{3,}[a-z]+)(?: \w+)+$", re.MULTILINE)
_ITEM = re.compile(r"(?:[-*+]|\d+\.) +(?=\S)")
_RAW = re.compile(r"`{3}|\| *-{3,} *\|")
"""Signs of a code block and of a table, which no reader should see."""
_FENCE = re.compile(r"^ *(`{3,}|~{3,}).*?^ *\1`*~* *$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s]+)(\))|(^\[[^\]\n]+\]: )(\S+)", re.MULTILINE)
_ADDRESS = re.compile(r"\]\((\w+://[^)\s]*)\)|^\[[^\]\n]+\]: (\w+://\S*)|<(https?://[^>\s]*)>", re.MULTILINE)


def repository() -> str:
    """The address of the public repository, from galaxy.yml: it is there and nowhere else."""
    address: str = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    return address


def source_of(place: str) -> str:
    """The file of a page, from the checkout's root, by its place on the site."""
    return READMES.get(place, f"docs/{place}")


def place_of(source: str) -> str | None:
    """The place on the site of a file of the checkout; None if it is not on the site."""
    for place, readme in READMES.items():
        if source == readme:
            return place
    inside = source.startswith("docs/") and (ROOT / source).is_file() and not source.endswith(".py")
    return source.removeprefix("docs/") if inside else None


def with_links_of_the_site(markdown: str, place: str) -> str:
    """A page's Markdown with its links as they are on the site; code is left alone."""

    def link(match: re.Match[str]) -> str:
        before, target, after = (match[1], match[2], match[3]) if match[1] else (match[4], match[5], "")
        return before + _target(target, place) + after

    parts, last = [], 0
    for fence in _FENCE.finditer(markdown):
        parts += [_LINK.sub(link, markdown[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, _LINK.sub(link, markdown[last:])])


def _target(target: str, place: str) -> str:
    path, hash_, anchor = target.partition("#")
    if not path or "://" in target or target.startswith("mailto:"):
        return target
    source = posixpath.normpath(posixpath.join(posixpath.dirname(source_of(place)), path))
    on_site = place_of(source)
    if on_site is not None:
        return posixpath.relpath(on_site, posixpath.dirname(place) or ".") + hash_ + anchor
    if not (ROOT / source).exists():
        return target  # MkDocs says that it leads nowhere
    kind = "tree" if (ROOT / source).is_dir() else "blob"
    return f"{repository()}/{kind}/main/{source}{hash_}{anchor}"


def without_names(markdown: str) -> str:
    """Code blocks without the names after their language; a title stays."""
    return _NAMED_FENCE.sub(r"\1", markdown)


def with_wide_lists(markdown: str) -> str:
    """What goes on in an item of a list, indented by four columns, as Python-Markdown wants it."""
    lines: list[str] = []
    width = 0  # of the item's sign; 0 outside of a list
    fence = ""
    for line in markdown.splitlines():
        indent = len(line) - len(line.lstrip())
        if not fence and (item := _ITEM.match(line)):
            width = len(item[0])
        elif line and width and indent >= width:
            line = " " * 4 + line[width:]  # noqa: PLW2901 - the same line, as it is written
        elif line and not fence:
            width = 0
        if fence:
            fence = "" if line.strip() == fence else fence
        elif mark := re.match(r" *(`{3,})", line):
            fence = mark[1]
        lines.append(line)
    return "\n".join(lines) + "\n"


def external_links(markdown: str) -> set[str]:
    """The addresses of other hosts that a page links to, without those in code."""
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", markdown))
    return {"".join(forms) for forms in _ADDRESS.findall(text)}


def problem_with(address: str) -> str | None:
    """What is wrong with the form of an address; whether anybody answers there is not asked."""
    try:
        parts = urlsplit(address)
        name = parts.hostname or ""
        parts.port  # noqa: B018 - it raises ValueError if it is no number
    except ValueError as error:
        return str(error)
    if parts.scheme != "https":
        return f"expected https://, found {parts.scheme}://"
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", name):
        return f"expected the name of a host, found {name!r}"
    return None


def links_page(pages: dict[str, str]) -> str:
    """The page of external links, from each page's Markdown by its place on the site."""
    found: dict[str, list[str]] = {}
    for place, markdown in pages.items():
        for address in external_links(markdown):
            found.setdefault(address, []).append(place)
    lines = [
        f"- <{address}>: {', '.join(f'[{place}]({_from_reference(place)})' for place in sorted(found[address]))}"
        for address in sorted(found)
    ]
    head = "# External links\n\nEvery address of another host that this documentation links to, and the pages that do."
    return f"{head}\nThe build checks their form alone: it contacts nobody.\n\n" + "\n".join(lines) + "\n"


def _from_reference(place: str) -> str:
    return posixpath.relpath(place, posixpath.dirname(LINKS_PAGE))


class _Page(HTMLParser):
    """Collects what a browser fetches by itself when it shows a page,
    and the text that it shows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        self.in_code = self.in_code or tag == "pre"
        given = {name: value or "" for name, value in attrs}
        rel = given.get("rel", "").split()
        if tag == "link" and not {"canonical", "prev", "next", "alternate"}.intersection(rel):
            self.addresses.append(given.get("href", ""))
        self.addresses += [given[name] for name in ("src", "poster", "data", "xlink:href") if name in given]
        self.addresses += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        self.addresses += _loaded_by_css(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a code block."""
        self.in_code = self.in_code and tag != "pre"

    def handle_data(self, data: str) -> None:
        """Note the text outside of code blocks, and the addresses in a style sheet."""
        if self.get_starttag_text() == "<style>":
            self.addresses += _loaded_by_css(data)
        elif not self.in_code and not str(self.get_starttag_text()).startswith("<script"):
            self.text.append(data)


def _loaded_by_css(text: str) -> Iterator[str]:
    for match in re.finditer(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text):
        yield match[1] or match[2]


def loaded_from_elsewhere(text: str, *, css: bool = False) -> list[str]:
    """The addresses of other hosts that a page, or a style sheet, has a browser load."""
    if css:
        addresses = [*_loaded_by_css(text)]
    else:
        page = _Page()
        page.feed(text)
        addresses = page.addresses
    return [address for address in addresses if re.match(r"(?:[a-z][a-z0-9+.-]*:)?//", address.strip(), re.IGNORECASE)]


def markdown_in(html: str) -> list[str]:
    """The signs of Markdown that a page shows as text."""
    page = _Page()
    page.feed(html)
    return _RAW.findall("".join(page.text))


def on_config(config: Any) -> Any:
    """Take the repository's address from galaxy.yml."""
    config.repo_url = repository()
    config.repo_name = "Source"
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are no files below docs/, and check the form of all external links."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests of the functions above need no MkDocs

    pages = {file.src_uri: file.content_string for file in files.documentation_pages()}
    for place, readme in READMES.items():
        pages[place] = (ROOT / readme).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=pages[place]))
    files.append(File.generated(config, LINKS_PAGE, content=links_page(pages)))
    for place, markdown in pages.items():
        for address in sorted(external_links(markdown)):
            if problem := problem_with(address):
                LOG.warning("%s links to %r: %s", source_of(place), address, problem)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn a file of the checkout into a page of the site."""
    place: str = page.file.src_uri
    return markdown if place == LINKS_PAGE else with_wide_lists(without_names(with_links_of_the_site(markdown, place)))


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Fail if the page shows Markdown as text."""
    if found := markdown_in(html):
        LOG.warning("%s shows %s as text: see its code blocks and tables", source_of(page.file.src_uri), found[0])
    return html


def on_post_build(config: Any, **_: Any) -> None:
    """Fail if a page would load anything from another host."""
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            for address in loaded_from_elsewhere(text, css=path.suffix == ".css"):
                LOG.warning("%s loads %s: the site must load nothing from another host", path.name, address)
