"""A signed admission as a user has it: a key is made, a report is signed, and another machine
verifies it.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.dsse import envelope
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import evidence_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import (
    key_id,
    read_public_key,
    read_signing_key,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.times import now
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import write
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict import attestation
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.report import judge_records

from skewgate import cli
from skewgate.arguments import read
from skewgate.checking import settings_given
from tests.builders import record, unreached


def at(minutes: float) -> str:
    """A time so many minutes ago."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run_of(folder: Path, minutes: float = 5, **skews_s: float | None) -> Path:
    """The folder of a run so long ago, with these nodes; without a skew one was not reached."""
    records = {
        name: {**(unreached() if skew_s is None else record(skew_s)), "collected_at": at(minutes)}
        for name, skew_s in skews_s.items()
    }
    judged_at = now()
    write(folder, judge_records(records, judged_at), evidence_of(records, judged_at))
    return folder


@pytest.fixture
def key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A private key, with its public key beside it."""
    path = tmp_path / "controller/signing.pem"
    path.parent.mkdir()
    assert cli.main(["init", "--signing-key", str(path)]) == 0
    capsys.readouterr()
    return path


def signed(tmp_path: Path, key: Path, *runs: Path) -> Path:
    """The folder with the report of these runs, signed, as it was copied to another machine."""
    again = tmp_path / "controller/again"
    cli.main(["report", *map(str, runs), "--report-dir", str(again), "--signing-key", str(key)])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    shutil.copytree(again, elsewhere / "report", dirs_exist_ok=True)
    shutil.copy(f"{key}.pub", elsewhere / "public.pem")
    return elsewhere


def status_of(*arguments: str) -> int:
    """The exit status of a command, also if its arguments can't be read."""
    try:
        return cli.main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def verify(elsewhere: Path, *more: str) -> int:
    return cli.main(["verify", str(elsewhere / "report"), "--key", str(elsewhere / "public.pem"), *more])


# --- init --signing-key


def test_init_says_where_the_keys_are_and_what_to_do_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "--signing-key"]) == 0
    private, public = (tmp_path / f"skewgate-signing-key.pem{suffix}" for suffix in ("", ".pub"))
    assert {path.name for path in tmp_path.iterdir()} == {private.name, public.name}
    assert private.stat().st_mode & 0o777 == 0o600
    out = capsys.readouterr().out
    assert private.read_text().splitlines()[1] not in out
    assert f"Key ID: {key_id(read_public_key(str(public), 'k'))}\n" in out
    assert f"`skewgate gate -i INVENTORY --signing-key {private.name}`" in out
    assert f"`skewgate verify REPORT_DIR --key {public.name}`" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected a folder (DIR) or --signing-key [FILE], found neither"),
        (["folder", "--signing-key", "new"], "expected a folder (DIR) or --signing-key [FILE], found both"),
        (["--signing-key", "there"], "can't write there: File exists; nothing was written"),
        (["--signing-key", "none/new"], "can't write none/new: No such file or directory; nothing was written"),
        (["--signing-key", "."], "can't write .: File exists; nothing was written"),
        (["--signing-key", "~nobody-of-this-name/new"], "--signing-key: the home folder of this user is not known"),
    ],
    ids=["nothing", "both", "a file that is there", "no folder", "a folder", "nobody's home"],
)
def test_init_makes_no_key_if_it_is_not_clear_where(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_text("mine")
    assert status_of("init", *arguments) == 2
    assert said in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there", "mine")]


def test_the_variable_of_the_key_to_sign_with_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKEWGATE_SIGNING_KEY", str(tmp_path / "key"))
    assert cli.main(["init", str(tmp_path / "folder")]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


# --- signing


def test_the_key_of_a_run_is_a_setting_with_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = read(["check", "-i", "x", "--signing-key", "key.pem"], {})
    assert settings_given(given)["gate_signing_key_file"] == str(tmp_path / "key.pem")
    given = read(["gate", "-i", "x"], {"SKEWGATE_SIGNING_KEY": "~/key.pem"})
    assert settings_given(given)["gate_signing_key_file"] == str(Path("~/key.pem").expanduser())
    assert "gate_signing_key_file" not in settings_given(read(["gate", "-i", "x"], {}))


@pytest.mark.parametrize("flag", ["--signing-key", "--report-dir"])
def test_a_path_in_nobodys_home_is_a_usage_error(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", "-i", "localhost,", flag, "~nobody-of-this-name/x") == 2
    assert f"{flag}: the home folder of this user is not known" in capsys.readouterr().err


def test_a_report_of_several_runs_is_signed_as_one(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_of(tmp_path / "1", 9, a=0.0, b=-612.0), run_of(tmp_path / "2", 4, b=0.0)
    elsewhere = signed(tmp_path, key, first, second)
    assert "signature.json" in capsys.readouterr().out
    assert verify(elsewhere) == 0
    out = capsys.readouterr().out
    assert [line.split(" at ")[0] for line in out.splitlines()[:3]] == ["signed", "a: admitted", "b: admitted"]


def test_a_report_that_is_made_again_without_the_key_has_no_signature(tmp_path: Path, key: Path) -> None:
    run = run_of(tmp_path / "1", a=0.0)
    again = signed(tmp_path, key, run) / "report"
    assert (again / "signature.json").exists()
    assert cli.main(["report", str(run), "--report-dir", str(again)]) == 0
    assert not (again / "signature.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda key: key.chmod(0o644), "others can read or change it (mode 0644), so they could sign"),
        (lambda key: key.unlink(), "No such file or directory"),
        (lambda key: key.write_bytes(Path(f"{key}.pub").read_bytes()), "is a public key; give the private key"),
    ],
    ids=["others read it", "no file", "the public key"],
)
def test_a_key_that_can_not_sign_is_a_usage_error_and_nothing_is_written(
    tmp_path: Path,
    key: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    said: str,
) -> None:
    change(key)
    new = tmp_path / "new"
    arguments = ["report", str(run_of(tmp_path / "1", a=0.0)), "--signing-key", str(key)]
    assert cli.main([*arguments, "--report-dir", str(new)]) == 2
    assert said in capsys.readouterr().err
    assert not new.exists()
    assert cli.main(arguments) == 2
    assert "expected --report-dir DIR too" in capsys.readouterr().err


# --- verify --key


def test_verify_admits_on_another_machine_by_the_public_key_alone(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0, b=-612.0, c=None))
    shutil.rmtree(key.parent)
    capsys.readouterr()
    assert verify(elsewhere, "--node", "a") == 0
    out = capsys.readouterr().out
    assert out.startswith("signed at 20")
    assert "a: admitted at " in out
    assert "whether a node has rebooted" in out
    assert "Not checked: the signature" not in out
    for node, status in (("b", 4), ("c", 3), ("x", 3)):
        assert verify(elsewhere, "--node", node) == status
    assert verify(elsewhere) == 4


def test_verify_without_a_key_says_that_the_signature_was_not_checked(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0))
    capsys.readouterr()
    assert cli.main(["verify", str(elsewhere / "report")]) == 0
    assert "Not checked: the signature, signature.json. --key FILE checks it" in capsys.readouterr().out
    (elsewhere / "report/signature.json").unlink()
    assert cli.main(["verify", str(elsewhere / "report")]) == 0
    assert "signature" not in capsys.readouterr().out


def _changed(name: str, old: bytes, new: bytes) -> Callable[[Path, Path], None]:
    def change(elsewhere: Path, _key: Path) -> None:
        path = elsewhere / "report" / name
        text = path.read_bytes()
        assert old in text
        path.write_bytes(text.replace(old, new, 1))

    return change


def _another_key(elsewhere: Path, _key: Path) -> None:
    cli.main(["init", "--signing-key", str(elsewhere / "other")])
    (elsewhere / "other.pub").replace(elsewhere / "public.pem")


def _signed_by_another(elsewhere: Path, _key: Path) -> None:
    """Somebody changes the evidence, and signs it with a key that is not the controller's."""
    cli.main(["init", "--signing-key", str(elsewhere / "other")])
    forged = run_of(elsewhere / "forged", a=0.0)
    folder = str(elsewhere / "report")
    cli.main(["report", str(forged), "--report-dir", folder, "--signing-key", str(elsewhere / "other")])


def _other_verdicts(elsewhere: Path, key: Path) -> None:
    """What the key signs is about these files, and says something else than they do."""
    path = elsewhere / "report/signature.json"
    statement = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    statement["predicate"]["nodes"]["b"].update(verdict="admit", refused_because=None)
    private = read_signing_key(str(key), "k", elsewhere)
    path.write_text(envelope(attestation.PAYLOAD_TYPE, json.dumps(statement).encode(), private))


REFUSED: dict[str, tuple[Callable[[Path, Path], object], str, str]] = {
    "a byte of the report": (
        _changed("report.json", b'"verdict": "refuse"', b'"verdict": "admitx"'),
        "report_changed",
        "report.json was changed after it was signed",
    ),
    "a byte of the evidence": (
        _changed("evidence.json", b"0", b"1"),
        "evidence_changed",
        "evidence.json was changed after it was signed",
    ),
    "a byte of the signature": (
        _changed("signature.json", b'"payload": "e', b'"payload": "f'),
        "signature_wrong",
        "the envelope was changed",
    ),
    "no JSON": (_changed("signature.json", b"{", b""), "signature_malformed", "is not JSON"),
    "no signature": (
        lambda elsewhere, _key: (elsewhere / "report/signature.json").unlink(),
        "signature_missing",
        "there is no signature.json",
    ),
    "another key": (_another_key, "signature_of_another_key", "it is not signed by this key"),
    "other verdicts": (_other_verdicts, "signed_verdicts_differ", "report.json and evidence.json have: node 'b'"),
    "signed by somebody else": (_signed_by_another, "signature_of_another_key", "signed by somebody else"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_verify_refuses_what_is_not_the_signed_admission_with_its_reason(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    change, reason, said = REFUSED[name]
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0, b=-612.0))
    assert verify(elsewhere, "--node", "a") == 0
    change(elsewhere, key)
    capsys.readouterr()
    assert verify(elsewhere, "--node", "a") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{elsewhere}/report: not admitted ({reason}): " in captured.err
    assert said in captured.err


def test_verify_refuses_an_old_signature_unless_its_age_is_allowed(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(attestation, "now", lambda: at(90))
        elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", minutes=95, a=0.0))
    capsys.readouterr()
    assert verify(elsewhere) == 3
    assert "not admitted (signature_too_old): it was signed at 20" in capsys.readouterr().err
    assert verify(elsewhere, "--max-age", "6000") == 0
    assert verify(elsewhere, "--max-age", "inf") == 0
    assert verify(elsewhere, "--max-age", "nan") == 3


def test_verify_refuses_a_signature_from_the_future_at_any_age(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(attestation, "now", lambda: at(-10))
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0))
    capsys.readouterr()
    assert verify(elsewhere, "--max-age", "inf") == 3
    assert "(signature_from_the_future): " in capsys.readouterr().err


def test_evidence_does_not_become_younger_because_it_is_signed_again(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", minutes=90, a=0.0))
    capsys.readouterr()
    assert verify(elsewhere) == 3
    assert "s ago, but at most 3600 s are allowed: run the check again" in capsys.readouterr().out
    assert verify(elsewhere, "--max-age", "inf") == 0


@pytest.mark.parametrize(
    ("version", "said"), [("9.9.9", "by version 9.9.9, and this is "), (None, "whoever has the key")]
)
def test_verify_judges_the_signed_evidence_again(
    tmp_path: Path,
    key: Path,
    capsys: pytest.CaptureFixture[str],
    version: str | None,
    said: str,
) -> None:
    """Whoever has the key can sign an admission of a clock that is wrong. It is not believed."""
    run = run_of(tmp_path / "1", a=-612.0)
    report, evidence = (json.loads((run / f"{name}.json").read_text()) for name in ("report", "evidence"))
    report["nodes"]["a"].update(verdict="admit", refused_because=None)
    report.update({"skewgate_version": version} if version else {})
    write(tmp_path / "report", report, evidence, signing_key=read_signing_key(str(key), "k", tmp_path / "report"))
    shutil.copy(f"{key}.pub", tmp_path / "public.pem")
    assert verify(tmp_path) == 4
    out = capsys.readouterr().out
    assert "a: refused, 612.000 s behind" in out
    assert said in out


def test_verify_judges_what_was_signed_even_if_the_files_change_meanwhile(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who writes to the folder may do so when the hashes have just been compared."""
    right, wrong = run_of(tmp_path / "right", a=0.0), run_of(tmp_path / "wrong", a=-612.0)
    report, evidence = (json.loads((right / f"{name}.json").read_text()) for name in ("report", "evidence"))
    invented = (right / "evidence.json").read_bytes()
    evidence["nodes"]["a"]["evidence"] = json.loads((wrong / "evidence.json").read_text())["nodes"]["a"]["evidence"]
    write(tmp_path / "report", report, evidence, signing_key=read_signing_key(str(key), "k", tmp_path / "report"))
    shutil.copy(f"{key}.pub", tmp_path / "public.pem")
    assert verify(tmp_path) == 4
    assert "a: refused, 612.000 s behind" in capsys.readouterr().out
    compared = attestation.Signed.verified

    def then_changed(folder: Path, *how: Any) -> attestation.Signed:
        signed = compared(folder, *how)
        (folder / "evidence.json").write_bytes(invented)
        return signed

    monkeypatch.setattr(attestation.Signed, "verified", then_changed)
    assert verify(tmp_path) == 4
    assert "a: refused, 612.000 s behind" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_a_usage_error_with_a_key_too(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["verify", str(tmp_path / "none"), "--key", f"{key}.pub"]) == 2
    assert f"there is no folder {tmp_path}/none" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["private", "missing", "text"])
def test_a_file_that_is_no_public_key_is_a_usage_error(
    tmp_path: Path, key: Path, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0))
    (elsewhere / "public.pem").unlink()
    if which != "missing":
        shutil.copy(key if which == "private" else __file__, elsewhere / "public.pem")
    capsys.readouterr()
    assert verify(elsewhere) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"skewgate: --key {elsewhere}/public.pem")
    assert key.read_text().splitlines()[1] not in captured.err


def test_nothing_shows_the_private_key(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKEWGATE_DEBUG", "1")
    secret = key.read_text().splitlines()[1]
    elsewhere = signed(tmp_path, key, run_of(tmp_path / "1", a=0.0))
    verify(elsewhere)
    for wrong in (key.read_text(), secret):
        status_of("report", str(tmp_path / "1"), "--report-dir", str(elsewhere / "2"), "--signing-key", wrong)
    assert status_of("check", "-i", "localhost,", "--signing-key", key.read_text()) == 2
    said = capsys.readouterr()
    assert "--signing-key: expected a file's path, found a key's text" in said.err
    assert secret not in said.out + said.err
    found = [path for path in elsewhere.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert found == []
