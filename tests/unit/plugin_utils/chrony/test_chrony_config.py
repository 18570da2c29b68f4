from __future__ import annotations

import time

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.config import ChronyConfig, UnreadKind
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.options import parse_version
from ansible_collections.skewgate.preflight.plugins.plugin_utils.chrony.reader import matches, read_config
from hypothesis import given
from hypothesis import strategies as st

MAIN = "/etc/chrony/chrony.conf"
ACCEPTED = {"rc": 0, "stdout": "", "stderr": ""}


def read(
    main: str,
    others: dict[str, str] | None = None,
    unread: dict[str, dict[str, str]] | None = None,
    printed: dict | None = ACCEPTED,
    version: str | None = "4.3",
) -> ChronyConfig:
    files = [{"path": path, "text": text} for path, text in {MAIN: main, **(others or {})}.items()]
    missing = [{"path": path, **why} for path, why in (unread or {}).items()]
    return read_config(
        {"config": {"path": MAIN, "files": files, "unread": missing}, "printed": printed, "version": version}
    )


def seen(config: ChronyConfig) -> list[str]:
    return [f"{d.file.rpartition('/')[2]}:{d.line} {d.name} {' '.join(d.arguments)}".strip() for d in config.directives]


def test_names_are_read_in_any_case_and_lines_that_begin_as_comments_are_not():
    config = read("# a\n%b\n;c\n!d\n\n  \t\n  MakeStep\t1   3 \r\nrtcsync\n")

    assert seen(config) == ["chrony.conf:7 makestep 1 3", "chrony.conf:8 rtcsync"]
    assert config.directives[0].text == "MakeStep 1 3"


def test_a_comment_sign_amid_a_line_begins_no_comment():
    assert seen(read("server a # b\n")) == ["chrony.conf:1 server a # b"]


def test_what_is_drawn_in_stands_where_it_is_drawn_in_and_source_directories_come_last():
    config = read(
        "sourcedir /run/chrony-dhcp\nmakestep 1 3\ninclude /etc/chrony/inc/*.conf\n"
        "confdir /etc/chrony/conf.d /usr/conf.d/\nrtcsync\n",
        {
            "/etc/chrony/inc/b.conf": "minsources 2\n",
            "/etc/chrony/inc/a.conf": "include /etc/chrony/deep.conf\n",
            "/etc/chrony/deep.conf": "makestep 5 5\n",
            "/usr/conf.d/10-y.conf": "log tracking",
            "/usr/conf.d/20-x.conf": "of usr",
            "/etc/chrony/conf.d/20-x.conf": "port 0",
            "/run/chrony-dhcp/eth0.sources": "server 10.0.0.1 iburst\n",
            "/etc/stray.conf": "local\n",
        },
    )

    assert [line for line in seen(config) if "include" not in line and "dir" not in line] == [
        "chrony.conf:2 makestep 1 3",
        "deep.conf:1 makestep 5 5",
        "b.conf:1 minsources 2",
        "10-y.conf:1 log tracking",
        "20-x.conf:1 port 0",
        "chrony.conf:5 rtcsync",
        "eth0.sources:1 server 10.0.0.1 iburst",
    ]
    assert config.last("makestep").arguments == ("5", "5")


def test_a_file_that_includes_itself_is_read_once():
    assert len(read(f"include {MAIN}\nrtcsync\n").directives) == 2


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("/etc/chrony.d/a.conf", "/etc/chrony.d/*.conf", True),
        ("/etc/chrony.d/deep/a.conf", "/etc/chrony.d/*.conf", False),
        ("/etc/chrony.d/a.conf", "/etc//chrony.d/a.conf", True),
        ("/srv/chrony.d/a.conf", "chrony.d/*.conf", True),
        ("/a.conf", "chrony.d/a.conf", False),
        ("/etc/chrony.d", "/etc/chrony.d/", True),
        ("/etc", ".", False),
        ("/etc/a.conf", "/etc/[^b].conf", True),
        ("/etc/b.conf", "/etc/[^b].conf", False),
    ],
)
def test_a_path_answers_to_a_glob_part_by_part(path, pattern, expected):
    assert matches(path, pattern) is expected


def test_sources_carry_their_options_and_a_pool_is_several():
    config = read(
        "server a iburst minpoll 4 NTS\npool b\npool c maxsources 2\npool d maxsources 99\npeer e key 5 noselect\n"
        "refclock PHC /dev/ptp0 poll 2 prefer\nserver\n"
    )

    assert [(s.kind, s.name, s.most, s.authenticated) for s in config.sources] == [
        ("server", "a", 1, True),
        ("pool", "b", 4, False),
        ("pool", "c", 2, False),
        ("pool", "d", 16, False),
        ("peer", "e", 1, True),
        ("refclock", "PHC /dev/ptp0", 1, False),
    ]
    assert dict(config.sources[0].options) == {"iburst": "", "minpoll": "4", "nts": ""}
    assert "prefer" in config.sources[5].options


SOURCES = "/etc/chrony/sources.d/ntp.sources"


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        pytest.param("server a iburst\n# the end", None, id="a comment without a newline says nothing"),
        pytest.param("server a iburst\n\n", None, id="all well"),
        pytest.param("server a", "it does not end with a newline", id="last line"),
        pytest.param("server a ibrust\n", "'ibrust' is no option of server", id="bad option"),
        pytest.param("server a # main\n", "'#' is no option of server", id="comment amid the line"),
        pytest.param("server a minpoll\n", "the option minpoll has no valid value", id="no value"),
        pytest.param("server a minpoll x\n", "the option minpoll has no valid value", id="no number"),
        pytest.param("server\n", "it names no host", id="no host"),
        pytest.param("makestep 1 3\n", "may only have server, pool and peer lines", id="other directive"),
        pytest.param("refclock PHC /dev/ptp0\n", "may only have server, pool and peer lines", id="refclock"),
        pytest.param(
            "server a ipv4\n", "the option ipv4 came with chrony 4.6, and this is 4.3", id="too new an option"
        ),
        pytest.param(f"server a {' ' * 3000}\n", "the line is too long", id="long line"),
    ],
)
def test_lines_that_chronyd_drops_from_a_sources_file_are_reported(text, dropped):
    config = read("sourcedir /etc/chrony/sources.d\n", {SOURCES: text})

    assert [p.why for p in config.dropped if dropped and dropped in p.why] == [p.why for p in config.dropped]
    assert len(config.dropped) == (dropped is not None)
    assert len(config.sources) == (dropped is None)


@pytest.mark.parametrize(("version", "dropped"), [("4.0", 0), ("4.3", 1), ("4.6.1", 1), ("4.9", 1), (None, 1)])
def test_a_line_without_a_newline_is_dropped_by_the_versions_that_do_so(version, dropped):
    config = read("sourcedir /etc/chrony/sources.d\n", {SOURCES: "server a"}, version=version)

    assert len(config.dropped) == dropped
    assert len(config.sources) == 1 - dropped


def test_a_sources_file_is_read_on_after_a_bad_line_and_not_after_one_that_is_too_long():
    config = read(
        "sourcedir /etc/chrony/sources.d\n",
        {SOURCES: "server a bad\nserver b\n", "/etc/chrony/sources.d/z.sources": f"server {'c' * 3000}\nserver d\n"},
    )

    assert [s.name for s in config.sources] == ["b"]
    assert [p.directive.line for p in config.dropped] == [1, 1]


def test_a_file_that_is_full_of_includes_is_read_in_seconds():
    """With a list instead of a set, it took a minute: as large a file as a node may send."""
    started_s = time.process_time()

    config = read("include x\n" * 26_000, printed=None)

    assert len(config.unmatched) == 26_000 - 100, "those that were looked for end chronyd"
    assert time.process_time() - started_s < 5


def test_an_include_is_unmatched_if_no_file_answers_to_it():
    config = read(
        "include /etc/chrony.d/*.conf\ninclude /etc/secret.conf\ninclude /etc/here.conf\n",
        {"/etc/here.conf": ""},
        unread={
            "/etc/chrony.d/*.conf": {"kind": "missing", "error": "it is not there"},
            "/etc/secret.conf": {"kind": "denied", "error": "it may not be read"},
        },
    )

    assert [d.arguments[0] for d in config.unmatched] == ["/etc/chrony.d/*.conf"]
    assert [unread.path for unread in config.unreadable] == ["/etc/secret.conf"]


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        pytest.param(
            {"error": "[Errno 2] No such file or directory: '/x'"}, UnreadKind.MISSING, id="saved before, missing"
        ),
        pytest.param({"error": "[Errno 13] Permission denied: '/x'"}, UnreadKind.DENIED, id="saved before, denied"),
        pytest.param({"error": "it is larger than 262144 bytes"}, UnreadKind.OTHER, id="saved before, another reason"),
        pytest.param(
            {"kind": "missing", "error": "Permission denied"}, UnreadKind.MISSING, id="the kind counts, not the words"
        ),
        pytest.param({"kind": "gone", "error": "No such file"}, UnreadKind.OTHER, id="a kind that is not known"),
        pytest.param({"kind": ["missing"], "error": "No such file"}, UnreadKind.OTHER, id="a kind of another type"),
    ],
)
def test_why_a_file_could_not_be_read_is_a_kind(why, kind):
    config = read("rtcsync\n", unread={"/x": why})
    assert config.unread["/x"].kind is kind
    assert config.unread["/x"].error == why["error"]
    assert bool(config.unreadable) is (kind is not UnreadKind.MISSING)


@pytest.mark.parametrize(
    ("printed", "version", "refused", "invalid"),
    [
        pytest.param(ACCEPTED, "4.3", None, 0, id="accepted: its word is taken"),
        pytest.param(
            {
                "rc": 1,
                "stdout": "",
                "stderr": "2026-11-22T12:06:23Z Fatal error : Invalid directive at line 1 in file n\n",
            },
            "4.3",
            "Invalid directive at line 1 in file n",
            0,
            id="refused",
        ),
        pytest.param(
            {"rc": 1, "stdout": "", "stderr": ""}, "4.3", "chronyd -p ended with 1 and printed nothing", 0, id="mute"
        ),
        pytest.param({"error": "no answer within 5 s"}, "4.3", None, 2, id="not asked"),
        pytest.param(None, None, None, 2, id="no answer at all"),
        pytest.param({"rc": 1, "stdout": "", "stderr": "Unrecognized option"}, "3.5", None, 2, id="before chrony 4.0"),
    ],
)
def test_chronyd_itself_is_believed_if_it_could_be_asked(printed, version, refused, invalid):
    config = read("servre a\nserver b ibrust\nserver c\n", printed=printed, version=version)

    assert config.refused == refused
    assert [p.directive.line for p in config.invalid] == [1, 2][:invalid]


@pytest.mark.parametrize(
    ("unread", "refused"),
    [
        pytest.param({"/etc/x.conf": {"kind": "denied", "error": "no"}}, False, id="nor could the module"),
        pytest.param({"/etc/x.conf": {"kind": "missing", "error": "no"}}, True, id="it is not there"),
        pytest.param({}, True, id="the module could: AppArmor keeps chronyd out"),
    ],
)
def test_a_file_that_may_not_be_read_without_privilege_is_no_refusal(unread, refused):
    said = "2026-11-22T12:06:23Z Fatal error : Could not open /etc/x.conf : Permission denied\n"
    config = read("include /etc/x.conf\n", unread=unread, printed={"rc": 1, "stdout": "", "stderr": said})
    assert (config.refused is not None) is refused


def test_a_node_without_a_configuration_file_has_an_empty_one():
    config = read_config({"config": {"path": None, "files": [], "unread": []}, "printed": None, "version": "4.3"})
    assert config == ChronyConfig(None, version=(4, 3))


@pytest.mark.parametrize(("text", "version"), [("4.6.1", (4, 6, 1)), ("4.8-pre1", (4, 8)), ("dev", None), (None, None)])
def test_a_version_is_read_as_numbers(text, version):
    assert parse_version(text) == version


WORDS = st.sampled_from(
    [
        *[
            "server",
            "POOL",
            "refclock",
            "iburst",
            "maxsources",
            "minpoll",
            "-1",
            "9" * 5000,
            "٣",
            "makestep",
            "#",
            "\0",
        ],
        *["include", "confdir", "sourcedir", "/etc/d", "/etc/d/*.conf", MAIN, ".", "["],
    ]
)
LINES = st.one_of(st.lists(WORDS, max_size=5).map(" ".join), st.text(max_size=30))
TEXTS = st.lists(LINES, max_size=8).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda end: end.join(lines))
)


@given(main=TEXTS, conf=TEXTS, sources=TEXTS)
def test_any_text_is_read_and_every_line_number_points_to_its_line(main, conf, sources):
    texts = {MAIN: main, "/etc/d/a.conf": conf, "/etc/d/a.sources": sources}
    config = read(main, {path: text for path, text in texts.items() if path != MAIN}, printed=None)

    parsed = [*config.directives, *config.unmatched, *(p.directive for p in (*config.dropped, *config.invalid))]
    for directive in parsed:
        line = texts[directive.file].split("\n")[directive.line - 1]
        assert directive.text.split(" ")[0] in line
    assert all(source.most >= 1 for source in config.sources)
