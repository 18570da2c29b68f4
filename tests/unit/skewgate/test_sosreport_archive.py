"""Archives of strangers: what is read of them, in which bounds, and what never is."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skewgate.sosreport import archive
from skewgate.sosreport.archive import ArchiveError, Contents, read
from tests.unit.skewgate.sosreports import REPORT, SAMPLES, healthy, member, members, tar

MIB = 1 << 20


def unpacked(folder: Path) -> Path:
    for name, text in healthy().items():
        file = folder / REPORT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_the_wanted_files_are_read_from_each_kind_of_archive(tmp_path: Path, mode: str, form: int) -> None:
    contents = read(tar(tmp_path / "a", members(healthy()), mode, form))

    assert contents.texts | contents.lines == healthy() | {next(iter(contents.lines)): []}
    assert contents.cut == ""


def test_an_unpacked_folder_gives_the_same(tmp_path: Path) -> None:
    packed = read(tar(tmp_path / "a", members(healthy())))

    assert read(unpacked(tmp_path / "f")).texts == packed.texts
    assert read(tmp_path / "f" / REPORT).texts == packed.texts


@pytest.mark.parametrize("root", ["", "./", f"./{REPORT}/", "insights-vm-2026/data/"])
def test_the_report_may_be_at_the_top_or_in_a_folder(tmp_path: Path, root: str) -> None:
    assert read(tar(tmp_path / "a", members(healthy(), root))).texts["sos_commands/host/hostname"] == "vm\n"


def test_several_streams_in_one_file_are_read_as_their_programs_do(tmp_path: Path) -> None:
    whole = tar(tmp_path / "a", members(healthy())).read_bytes()
    for name, pack in (("gz", gzip.compress), ("xz", archive.lzma.compress), ("bz2", archive.bz2.compress)):
        (tmp_path / name).write_bytes(pack(whole[:3000]) + pack(whole[3000:]))
        assert read(tmp_path / name).texts["sos_commands/host/hostname"] == "vm\n"


def test_of_a_real_sosreports_members_those_of_the_clock_are_wanted_and_no_key() -> None:
    names = [
        *(SAMPLES / "members.txt").read_text().split(),
        f"{REPORT}/etc/chrony/chrony.keys",
        f"{REPORT}/etc/chrony.keys",
    ]
    wanted = {path for name in names if (path := Contents().wanted(name))}

    assert wanted == {
        "etc/chrony/chrony.conf",
        "sos_commands/chrony/chronyc_-n_sources",
        "sos_commands/chrony/chronyc_tracking",
        "sos_commands/chrony/journalctl_--no-pager_--unit_chrony",
        "sos_commands/date/date",
        "sos_commands/date/date_--utc",
        "sos_commands/host/hostname",
        "sos_commands/systemd/timedatectl",
    } | {path for path in wanted if "systemctl" in path}


# --- names and links


@pytest.mark.parametrize("name", ["/etc/chrony.conf", "../etc/chrony.conf", f"{REPORT}/../../etc/chrony.conf"])
def test_a_name_outside_of_the_report_is_passed_over(tmp_path: Path, name: str) -> None:
    assert "etc/chrony.conf" not in read(tar(tmp_path / "a", [*members(healthy()), member(name, b"x")])).texts


def test_links_are_followed_inside_of_the_report_in_any_order(tmp_path: Path) -> None:
    links = [
        member(f"{REPORT}/etc/chrony.conf", kind=tarfile.SYMTYPE, link="chrony.d/../chrony/chrony.conf"),
        member(f"{REPORT}/sos_commands/date/date", kind=tarfile.LNKTYPE, link=f"{REPORT}/sos_commands/date/date_--utc"),
        member(f"{REPORT}/sos_commands/x/date", kind=tarfile.SYMTYPE, link="/sos_commands/date/date"),
    ]
    texts = read(tar(tmp_path / "a", [*links, *members(healthy())])).texts

    assert texts["etc/chrony.conf"] == texts["etc/chrony/chrony.conf"]
    assert texts["sos_commands/date/date"] == texts["sos_commands/x/date"] == texts["sos_commands/date/date_--utc"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "chrony.conf", "x" * 5000])
def test_a_link_to_nowhere_or_in_a_circle_gives_no_text(tmp_path: Path, target: str) -> None:
    contents = read(
        tar(tmp_path / "a", [*members(healthy()), member(f"{REPORT}/etc/chrony.conf", b"", tarfile.SYMTYPE, target)])
    )

    assert "etc/chrony.conf" not in contents.texts


def test_no_link_or_pipe_of_a_folder_is_opened(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "f") / REPORT
    (tmp_path / "secret.conf").write_text("server secret\n")
    (folder / "etc/chrony.conf").symlink_to(tmp_path / "secret.conf")
    (folder / "etc/chrony.d").symlink_to(tmp_path)
    os.mkfifo(folder / "etc/chrony/pipe.conf")
    os.mknod(folder / "etc/chrony/socket.conf", 0o600 | stat.S_IFSOCK)

    contents = read(folder)

    assert "secret" not in str(contents.texts)
    assert "etc/chrony/pipe.conf" not in contents.texts
    assert "etc/chrony.conf" in contents.dangling
    assert contents.cut.startswith("etc/chrony/socket.conf: "), "it can't be opened, and that ends nothing"
    assert contents.texts["etc/chrony/chrony.conf"]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_device_with_a_wanted_name_is_no_file(tmp_path: Path, kind: bytes) -> None:
    content = [member(f"{REPORT}/etc/chrony.conf", kind=kind), *members(healthy())]

    texts = read(tar(tmp_path / "a", content)).texts

    assert "etc/chrony.conf" not in texts
    assert texts.keys() >= {"etc/chrony/chrony.conf"}


def test_two_reports_in_one_archive_are_not_mixed(tmp_path: Path) -> None:
    both = tar(tmp_path / "a", [*members(healthy()), *members(healthy(), "sosreport-other/")])

    with pytest.raises(ArchiveError, match="several reports"):
        read(both)


# --- bounds


def test_a_bomb_ends_the_reading_and_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 40 * MIB)
    bomb = member(f"{REPORT}/bomb")
    bomb[0].size = 10**12
    header = bomb[0].tobuf(tarfile.GNU_FORMAT)
    first = tar(tmp_path / "first", members(healthy())).read_bytes().rstrip(b"\0")
    first += b"\0" * (-len(first) % 512)
    with gzip.open(tmp_path / "a", "wb") as packed:
        packed.write(first + header)
        for _ in range(64):
            packed.write(bytes(MIB))

    tracemalloc.start()
    contents = read(tmp_path / "a")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "unpacks to more than" in contents.cut
    assert contents.texts["sos_commands/host/hostname"] == "vm\n"
    assert peak < 8 * MIB


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_a_header_as_large_as_a_file_is_not_read_into_memory(tmp_path: Path, kind: bytes) -> None:
    large = tmp_path / "a"
    with large.open("wb") as file:
        for info, data in members(healthy()):
            file.write(info.tobuf() + data + b"\0" * (-len(data) % 512))
        info = tarfile.TarInfo("long")
        info.type, info.size = kind, 100 * MIB
        file.write(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(large, large.stat().st_size + 100 * MIB)

    tracemalloc.start()
    contents = read(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "longer than 64 KiB" in contents.cut
    assert contents.texts["sos_commands/host/hostname"] == "vm\n"
    assert peak < 8 * MIB


def test_of_a_large_file_only_the_beginning_is_kept(tmp_path: Path) -> None:
    large = healthy(conf="#" * 3 * MIB)
    contents = read(tar(tmp_path / "a", members(large)))

    assert len(contents.texts["etc/chrony/chrony.conf"]) == archive.MAX_FILE
    assert contents.shortened == {"etc/chrony/chrony.conf"}
    assert contents.texts["sos_commands/systemd/timedatectl"]


def test_many_large_files_are_bounded_together(tmp_path: Path) -> None:
    many = {f"etc/chrony/conf.d/{number}.conf": "#" * MIB for number in range(40)}

    contents = read(tar(tmp_path / "a", members(many), "w:gz"))

    assert sum(map(len, contents.texts.values())) <= archive.MAX_KEPT
    assert len(contents.shortened) == 40


def test_of_a_log_the_last_lines_of_interest_are_kept_however_long_it_is(tmp_path: Path) -> None:
    lines = ["Nov 29 vm other[1]: " + "x" * 200] * 9000 + [
        "Nov 29 vm chronyd[7]: System clock wrong by -612.0 seconds"
    ] * 500
    log = {"var/log/messages": "\n".join(lines) + "\n" + "chronyd[7]: " + "y" * MIB}

    [kept] = read(tar(tmp_path / "a", members(log))).lines.values()

    assert len(kept) == archive.MAX_LINES
    assert "wrong by" in kept[0]
    assert len(kept[-1]) == archive.MAX_LINE


def test_many_wanted_files_are_bounded_and_that_is_said(tmp_path: Path) -> None:
    many = {f"etc/chrony/conf.d/{number}.conf": "" for number in range(archive.MAX_FILES + 5)}

    contents = read(tar(tmp_path / "a", members(many)))

    assert len(contents.texts) == archive.MAX_FILES
    assert "more than 500 files" in contents.cut


def test_too_many_members_end_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 5)

    assert "more than 5 members" in read(tar(tmp_path / "a", members(healthy()))).cut
    assert "more than 5 files" in read(unpacked(tmp_path / "f")).cut


def test_an_xz_that_wants_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_XZ_MEMORY", 1 * MIB)

    with pytest.raises(ArchiveError, match="LZMAError"):
        read(tar(tmp_path / "a", members(healthy()), "w:xz"))


def test_a_report_in_each_of_many_folders_takes_no_memory(tmp_path: Path) -> None:
    many = [member(f"{number:03}{'x' * 60_000}/etc/chrony.conf") for number in range(300)]
    large = tar(tmp_path / "a", many, "w:gz")

    tracemalloc.start()
    with pytest.raises(ArchiveError, match="several reports") as raised:
        read(large)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * MIB
    assert len(str(raised.value)) < 1000


def test_headers_without_a_member_end_the_reading_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_HEADERS", 50)
    content = [*members(healthy()), *[member("x", kind=tarfile.XGLTYPE)] * 60]

    assert "more than 50 headers" in read(tar(tmp_path / "a", content)).cut


def test_folders_deeper_than_any_wanted_file_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(tmp_path / "f")
    (folder / REPORT / "/".join("a" * 100)).mkdir(parents=True)
    monkeypatch.setattr(archive, "MAX_MEMBERS", 50)

    assert read(folder).cut == "", "os.walk calls itself for each: 1000 of them would end it"


def test_a_subfolder_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = unpacked(tmp_path / "f")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("etc/chrony"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    assert "etc/chrony: Permission denied" in read(folder).cut


def test_the_list_of_packages_of_rhel_is_a_link(tmp_path: Path) -> None:
    listing = "sos_commands/rpm/sh_-c_rpm_--nodigest_-qa_--qf_-59_NVRA_INSTALLTIME_date_sort_-V"
    link = member(f"{REPORT}/installed-rpms", kind=tarfile.SYMTYPE, link=listing)

    lines = read(tar(tmp_path / "a", [*members(healthy() | {listing: "chrony-4.5-1.el9.x86_64\n"}), link])).lines

    assert lines["installed-rpms"] == ["chrony-4.5-1.el9.x86_64"]


# --- damaged


@pytest.mark.parametrize("content", [b"", b"no archive", bytes(512), b"x" * 2000, b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)

    with pytest.raises(ArchiveError):
        read(tmp_path / "a")


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_that_is_cut_off_says_so_wherever_it_ends(tmp_path: Path, mode: str) -> None:
    whole = tar(tmp_path / "whole", members(healthy()), mode).read_bytes()
    for end in range(520, len(whole) - 10240 if mode == "w" else len(whole) - 9, 97):
        (tmp_path / "a").write_bytes(whole[:end])
        try:
            contents = read(tmp_path / "a")
        except ArchiveError:
            continue
        at_an_edge = mode == "w" and end % 512 == 0
        assert contents.cut or at_an_edge


@given(st.binary(max_size=64), st.integers(0, 9000), st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
@settings(max_examples=60, deadline=None)
def test_damage_anywhere_never_ends_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, form: int
) -> None:
    path = tmp_path_factory.mktemp("noise") / "a"
    data = bytearray(tar(path, [*members(healthy()), member("x" * 300, b"y")], form=form).read_bytes())
    data[at : at + len(noise)] = noise
    path.write_bytes(data)

    try:
        contents = read(path)
    except ArchiveError:
        return
    assert isinstance(contents, Contents)
