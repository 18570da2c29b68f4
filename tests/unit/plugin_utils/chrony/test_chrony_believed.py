"""What chronyd accepts or runs counts, whatever stands in the tables;
test_chrony_believed_real.py asks real ones.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import ChronyConfig, Directive
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.options import (
    as_int,
    read_options,
    source_problem,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import read_config
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.rules import RULES

from tests.builders import answer, source

MAIN = "/etc/chrony/chrony.conf"
SOURCES = "/etc/chrony/sources.d/ntp.sources"
DIRECTORY = "sourcedir /etc/chrony/sources.d\n"
REST = "driftfile /d\nmakestep 1 3\nrtcsync\npool p\n"


def read(main: str, sources: str | None = None, *, runs: tuple[str, ...] | None = None, **section: Any) -> ChronyConfig:
    """``runs``: the names that the running chronyd has, None if none runs."""
    given = {MAIN: main} if sources is None else {MAIN: main, SOURCES: sources}
    mtime_s = section.pop("mtime_s", 0.0)
    files = [{"path": path, "text": text, "mtime_s": mtime_s} for path, text in given.items()]
    asked = {"error": "no answer"} if runs is None else answer("".join(source(name) for name in runs))
    unread = [{"path": p, "kind": "missing", "error": "it is not there"} for p in section.pop("missing", ())]
    return read_config(
        {
            "config": {"path": MAIN, "files": files, "unread": unread},
            "printed": answer(main),
            "version": "4.9",
            "commands": {"sources_all": asked},
            **section,
        }
    )


def matched(config: ChronyConfig) -> list[str]:
    return [rule.id for rule in RULES.values() if list(rule.find(config))]


def refused(words: str) -> dict[str, Any]:
    return {"rc": 1, "stdout": "", "stderr": f"2026-11-28T20:12:29Z Fatal error : {words}\n"}


# Options


@pytest.mark.parametrize(
    ("words", "known", "unknown"),
    [
        ("newest 8 iburst nts", {"iburst": "", "nts": ""}, ("newest", "8")),
        ("newest iburst maxsources 2", {"iburst": "", "maxsources": "2"}, ("newest",)),
        ("minpoll 4 newest fast KEY 3", {"minpoll": "4", "key": "3"}, ("newest", "fast")),
        ("minpoll iburst", {"iburst": ""}, ()),  # no value: chronyd refuses it, and the option after it is read
        (
            "minpoll 4iburst maxdelay 1e-3noselect",
            {"minpoll": "4", "iburst": "", "maxdelay": "1e-3", "noselect": ""},
            (),
        ),
        ("maxdelay inf offset -0x1p-3 prefer", {"maxdelay": "inf", "offset": "-0x1p-3", "prefer": ""}, ()),
        ("maxsources", {}, ()),
    ],
)
def test_an_unknown_option_hides_none_that_follows_it(words, known, unknown):
    options = read_options(words.split(), None)
    assert (options.known, options.unknown) == (known, unknown)


def test_a_line_of_100_000_words_is_read_at_once():
    words = ["minpoll", "4", "x"] * 50_000
    begun_s = time.process_time()
    assert read_options(words, None).known == {"minpoll": "4"}
    assert time.process_time() - begun_s < 2


@pytest.mark.parametrize(
    ("option", "taken", "refused"),
    [
        *[(option, (-32, 0, 32), (-33, 33)) for option in ("maxpoll", "minpoll", "presend", "maxntsretry")],
        *[(option, (0, 65535, 4294967296), (-1, 65536)) for option in ("port", "ntsport")],
        *[
            (option, (0, 2147483647), (-1, 2147483648))
            for option in ("filter", "maxsamples", "minsamples", "maxunreach")
        ],
        *[(option, (1, 2147483647), (0, -1)) for option in ("maxsources", "polltarget")],
        ("minstratum", (0, 16), (-1, 17)),
        ("version", (1, 4), (0, 5)),
        ("certset", (0, -1, 4294967295), ()),
        ("key", (1, 4294967295), (0, 4294967296)),
    ],
)
def test_a_value_out_of_its_range_is_refused_from_4_7_on(option, taken, refused):
    def problem(value: int, version: tuple[int, ...]) -> str | None:
        return source_problem(Directive("server", ("a", option, str(value)), MAIN, 1, ""), version)

    assert [problem(value, (4, 9)) for value in taken] == [None] * len(taken)
    assert all(option in str(problem(value, (4, 9))) for value in refused)
    if option not in ("key", "maxntsretry", "maxunreach"):  # refused before too, or not known
        assert [problem(value, (4, 6, 1)) for value in (*taken, *refused)] == [None] * len(taken + refused)


@pytest.mark.parametrize(
    ("text", "number"),
    [("12x", 12), ("-3", -3), ("x", 0), ("4294967295", -1), ("-2147483649", 2147483647), ("9" * 5000, -1)],
)
def test_a_number_is_read_as_c_reads_it(text, number):
    assert as_int(text) == number


# The main file: chronyd -p


def test_a_source_that_chronyd_accepted_counts_whatever_its_options_are():
    config = read("server a newest 8 iburst nts\npool b maxsources 2 newest\npeer c maxpoll 99\nrefclock X:/y new 3\n")
    assert [(s.name, s.most, s.authenticated) for s in config.sources] == [
        ("a", 1, True),
        ("b", 2, False),
        ("c", 1, False),
        ("X:/y new", 1, False),
    ]
    assert [(p.directive.line, p.directive.name) for p in config.unjudged] == [(1, "server"), (2, "pool"), (3, "peer")]


@pytest.mark.parametrize("line", ["server a newest 8\n", "newdirective 5\n", "server a maxpoll 40\n"])
def test_what_chronyd_accepted_and_the_tables_do_not_know_is_a_note(line):
    assert matched(read(REST + line)) == ["CHR005"]
    assert RULES["CHR005"].severity == "warning"
    assert [place.line for place in RULES["CHR005"].find(read(REST + line))] == [5]


def test_what_the_tables_know_of_a_later_version_is_a_note_if_chronyd_accepted_it():
    assert matched(read(REST + "server a copy\nopencommands tracking\n", version="4.0")) == ["CHR005"]


@pytest.mark.parametrize(
    ("version", "rule"),
    [
        pytest.param("4.9", "CHR001", id="the tables know this chrony"),
        pytest.param("4.10", "CHR006", id="a newer one"),
        pytest.param(None, "CHR006", id="an unknown one"),
        pytest.param("3.5", "CHR001", id="an older one"),
    ],
)
def test_if_chronyd_was_not_asked_only_a_chrony_that_the_tables_know_is_judged_by_them(version, rule):
    printed = {"error": "no answer within 5 s"}
    assert matched(read(REST + "server a newest 8\n", printed=printed, version=version)) == [rule]
    assert RULES[rule].severity in ("error", "unknown")


# .sources files: the running chronyd


@pytest.mark.parametrize(
    ("line", "version"),
    [
        pytest.param("server a newest 8 iburst\n", "4.9", id="an unknown option"),
        pytest.param("server a newest 8 iburst\n", "4.12", id="an unknown option of a newer chrony"),
        pytest.param(
            "server a maxntsretry 8 iburst\n", "4.6.1", id="an option of a later chrony, as distributions backport"
        ),
        pytest.param("server a maxpoll 40 iburst\n", "4.7", id="out of its range"),
        pytest.param("server a iburst", "4.8", id="no newline"),
    ],
)
def test_a_line_that_the_running_chronyd_uses_is_a_source_and_one_that_it_does_not_is_dropped(line, version):
    used = read(REST + DIRECTORY, line, runs=("p", "a"), version=version)
    assert [(s.name, "iburst" in s.options) for s in used.sources] == [("p", False), ("a", True)]
    assert matched(used) == ["CHR005"]

    left_out = read(REST + DIRECTORY, line, runs=("p",), version=version)
    assert [s.name for s in left_out.sources] == ["p"]
    assert matched(left_out) == ["CHR004"]


def test_without_an_answer_of_chronyd_a_line_that_a_newer_one_may_know_is_not_called_dropped():
    line = "server a newest 8\n"
    assert matched(read(REST + DIRECTORY, line, version="4.10")) == ["CHR006"]
    assert matched(read(REST + DIRECTORY, line, version="4.9")) == ["CHR004"]
    assert matched(read(REST + DIRECTORY, "makestep 1 3\n", version="4.10")) == ["CHR004"]


@pytest.mark.parametrize(("version", "rule"), [("4.6.1", "CHR006"), ("4.10", "CHR005")])
def test_of_a_file_that_was_written_since_the_start_chronyd_may_run_what_stood_there_before(version, rule):
    line = "server a newest 8\n"
    config = read(REST + DIRECTORY, line, runs=("p", "a"), version=version, started_s=1000.0, mtime_s=1001.0)
    assert matched(config) == [rule]


@pytest.mark.parametrize("answered", [{"rc": 0, "stdout": "nonsense", "stderr": ""}, answer(source("?"))])
def test_an_answer_without_names_shows_nothing(answered):
    config = read(REST + DIRECTORY, "server a newest 8\n", commands={"sources_all": answered}, version="4.10")
    assert matched(config) == ["CHR006"]


# Characters that are not seen

BOM, NBSP = "\ufeff", "\u00a0"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{BOM}{REST}", id="before a directive"),
        pytest.param(f"{BOM}# comment\n{REST}", id="before a comment"),
        pytest.param(f"{BOM}\n{REST}", id="on an empty line"),
        pytest.param(f"{REST}{BOM}server a\n", id="amid the file, as cat leaves it"),
        pytest.param(f"{REST}server{NBSP}a\n", id="a non-breaking space"),
        pytest.param(f"{REST}server a iburst{NBSP}\n", id="a non-breaking space at the end"),
    ],
)
def test_a_character_that_is_not_seen_is_named_if_chronyd_refuses_the_file(text):
    config = read(text, printed=refused(f"Invalid directive at line 1 in file {MAIN}"))
    assert [rule for rule in matched(config) if rule < "CHR100"] == ["CHR001", "CHR007"]
    (place,) = RULES["CHR007"].find(config)
    assert ("byte order mark" in place.text) is (BOM in text)
    assert ("non-breaking space" in place.text) is (NBSP in text)


def test_a_character_that_is_not_seen_and_does_no_harm_is_a_warning():
    assert matched(read(REST.replace("/d", f"/d{NBSP}"))) == ["CHR008"]
    assert matched(read(REST + f"# a{NBSP}comment\n\t# Kommentar {BOM}\n")) == []
    assert RULES["CHR008"].severity == "warning"


@pytest.mark.parametrize(
    ("text", "names", "rules"),
    [
        pytest.param(f"{BOM}server a\nserver b\n", ["b"], ["CHR004", "CHR007"], id="before a server"),
        pytest.param(f"{BOM}# c\nserver a\nserver b\n", ["a", "b"], ["CHR008"], id="before a comment"),
        pytest.param(f"{BOM}\nserver a\n", ["a"], ["CHR008"], id="on an empty line"),
        pytest.param(f"server a iburst{NBSP}\nserver b\n", ["b"], ["CHR004", "CHR007"], id="a non-breaking space"),
        pytest.param("server a\u200b\nserver b\n", ["a\u200b", "b"], ["CHR007"], id="a space without width in a name"),
        pytest.param(
            "server a\u2028iburst\nserver b\n", ["a\u2028iburst", "b"], ["CHR007"], id="a line break of Unicode"
        ),
        pytest.param("server a\u3000b\n", ["a\u3000b"], ["CHR007"], id="a wide space"),
        pytest.param(
            "server\u200ba\nserver b\n", ["b"], ["CHR004", "CHR007"], id="a space without width in a directive"
        ),
        pytest.param("server a\r\nserver b\r\n", ["a", "b"], [], id="line ends of Windows"),
    ],
)
def test_in_a_sources_file_the_line_is_lost(text, names, rules):
    config = read(REST + DIRECTORY, text)
    assert [s.name for s in config.sources[1:]] == names
    assert matched(config) == rules


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_a_text_of_utf_16_is_named(encoding):
    text = f"# c\n{REST}".encode(encoding).decode("utf-8", "replace")
    config = read(text)  # without a byte order mark chronyd takes it for empty lines
    assert "CHR007" in matched(config)
    assert "UTF-16" in next(iter(RULES["CHR007"].find(config))).text
    for version in ("4.0", "4.9"):
        assert "CHR007" in matched(read(REST + DIRECTORY, text, version=version))


# include


def test_an_include_of_a_path_that_is_not_there_is_what_ends_chronyd_and_nothing_else():
    said = refused("Could not open /etc/absent.conf : No such file or directory")
    config = read(f"include /etc/absent.conf\n{REST}", printed=said, missing=["/etc/absent.conf"])
    assert matched(config) == ["CHR001"]
    assert len(list(RULES["CHR001"].find(config))) == 1


def test_of_two_paths_that_are_not_there_both_are_named():
    said = refused("Could not open /etc/a.conf : No such file or directory")
    text = f"include /etc/a.conf\ninclude /etc/b.conf\n{REST}"
    config = read(text, printed=said, missing=["/etc/a.conf", "/etc/b.conf"])
    assert matched(config) == ["CHR001"]
    assert [place.text for place in RULES["CHR001"].find(config)][1].startswith("include /etc/b.conf")


def test_if_chronyd_was_not_asked_a_path_that_is_not_there_is_an_error_and_a_glob_a_warning():
    def of(line: str) -> list[str]:
        return matched(read(line + REST, printed={"error": "no answer"}, missing=[line.split()[1]]))

    assert of("include /etc/absent.conf\n") == ["CHR001"]
    assert of("include /etc/chrony.d/*.conf\n") == ["CHR003"]


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("Could not search for files matching /etc/none/*.conf", "/etc/none/*.conf"),
        ("Could not open /etc/none/dangling.conf : No such file or directory", "/etc/none/dangling.conf"),
    ],
)
def test_a_glob_that_ends_chronyd_is_not_said_to_be_passed_over(said, missing):
    config = read(f"include /etc/none/*.conf\n{REST}", printed=refused(said), missing=[missing])
    assert matched(config) == ["CHR001"]


def test_a_glob_without_a_match_is_passed_over():
    assert matched(read(f"include /etc/chrony.d/*.conf\n{REST}", missing=["/etc/chrony.d/*.conf"])) == ["CHR003"]
