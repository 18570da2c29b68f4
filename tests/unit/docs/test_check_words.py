"""The lint finds every banned word and every long line of prose, says where,
and leaves code alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.check_words import EXCEPTIONS, faults, main
from tests.paths import ROOT

LONG = "a long line of prose which has many more words than fit into it " * 2


def found(path: str, text: str) -> list[str]:
    return [f"{fault.line} {fault.message}" for fault in faults(path, text)]


@pytest.mark.parametrize(
    ("word", "write"),
    [
        ("mend", "fix"),
        ("Mends", "fix"),
        ("unmended or mended", "fix"),
        ("bear", "tolerate, carry or hold"),
        ("BEARS", "tolerate, carry or hold"),
        ("tell", "say, report, show or distinguish"),
        ("tells", "say, report, show or distinguish"),
        ("telling", "say, report, show or distinguish"),
        ("Told", "said, reported, showed or distinguished"),
        ("whereof", "of which, with which or in which"),
        ("for its sake", "the purpose"),
        ("for its own sake", "the purpose"),
        ("of its own", "what it is, or whose"),
        ("of their own", "what it is, or whose"),
        ("of one's own", "what it is, or whose"),
        ("so that", "so"),
    ],
)
def test_a_banned_word_is_found_with_what_to_write_for_it(word: str, write: str):
    [fault] = faults("docs/page.md", f"The clock\nis {word} here.\n")
    assert (fault.path, fault.line) == ("docs/page.md", 2)
    assert fault.message.endswith(f"write {write}")


@pytest.mark.parametrize(
    "text", ["forbear, bearer, Bearer, teller, untold, foretell, commend, amend, recommended", "so, that; it sees that"]
)
def test_another_word_that_holds_the_letters_is_not_found(text: str):
    assert found("docs/page.md", text) == []
    assert found("plugins/a.py", f"# {text}\n") == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1  # as it was told\n", 1),
        ("#: It goes on so\n#: that it ends.\nx = 1\n", 1),
        ('"""Of a file.\n\nIt has a name of its\n    own.\n"""\n', 3),
        ('x = f"node {y} told us"\n', 1),
        ('x = (\n    "the node is slow so "\n    "that it waits"\n)\n', 2),
        ("def as_it_was_told(): ...\n", 1),
        ("A_CLOCK_OF_ITS_OWN = 1\n", 1),
    ],
)
def test_python_is_read_in_its_comments_strings_and_names(source: str, line: int):
    [fault] = faults("plugins/a.py", source)
    assert fault.line == line


def test_words_of_two_statements_are_no_phrase():
    assert found("plugins/a.py", 'x = "so"\nthat = 2\ny = "that"\n') == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("roles/gate/tasks/main.yml", "- name: Refuse what was told\n"),
        ("roles/gate/tasks/main.yml", "# A clock of\n# its own.\n"),
        ("Makefile", "demo: ## The incident, told on nodes\n"),
        ("src/skewgate/template/page.html", "<p>So that it is seen</p>\n"),
        ("tests/lab/image/node-setup", "# so that it starts\n"),
        ("pyproject.toml", "# so that it starts\n"),
    ],
)
def test_every_other_kind_of_text_is_read_whole(path: str, text: str):
    assert len(found(path, text)) == 1


def test_code_and_addresses_in_markdown_are_not_read():
    page = "```\ntold\n```\nSee `told`, [this](https://a.example/told) and https://a.example/told.\n\n````\n```\ntold\n````\n"
    assert found("docs/page.md", page) == []
    assert len(found("docs/page.md", page + "It was told.\n")) == 1


def test_a_long_line_is_found_in_prose_and_in_comments_of_yaml():
    assert len(LONG) > 100
    assert [text[:4] for text in found("docs/page.md", f"# A page\n\n{LONG}\n")] == ["3 12"]
    assert len(found("docs/page.md", f"- {LONG}\n")) == 1
    assert len(found("a.yml", f"  # {LONG}\n")) == 1
    assert found("docs/page.md", LONG[:100].rstrip()) == []


def test_tables_code_blocks_and_addresses_may_be_long():
    page = (
        f"| {LONG} |\n\n```\n{LONG}\n```\n\n- https://a.example/{'a' * 100}\n\n[name]: https://a.example/{'a' * 100}\n"
    )
    assert found("docs/page.md", page) == []


def test_an_exception_names_files_that_are_there():
    assert [pattern for pattern, _ in EXCEPTIONS if not list(ROOT.glob(pattern))] == []
    assert found("LICENSE", "so that") == []


def test_the_command_prints_file_line_and_word_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\nIt was told.\n\n{LONG}\n", encoding="utf-8")
    assert main([str(page)]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        f'{page}:3: found "told"; write said, reported, showed or distinguished',
        f"{page}:5: 128 columns; break the line after 100 or before",
    ]
    assert shown.err.split() == ["2", str(tmp_path)]


def test_the_command_is_content_with_plain_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "page.md").write_text("# Page\n\nIt was said.\n", encoding="utf-8")
    assert main([str(tmp_path / "page.md")]) == 0
    assert capsys.readouterr().out == ""


def test_a_path_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]):
    assert main(["docs/no-such-page.md"]) == 2
    assert "docs/no-such-page.md" in capsys.readouterr().err
