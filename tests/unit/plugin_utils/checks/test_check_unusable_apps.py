"""The token check of credentials that no client could use, and of what is noted of an App."""

from __future__ import annotations

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks.github_app_token import Key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.key_faults import KeyFault
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.faults import SecretFault

from tests.builders import accepted, app
from tests.unit.plugin_utils.checks.test_check_github_app_token import bad_key, judge

UNUSABLE = {
    "name": "argocd/creds-acme",
    "unusable": [
        {
            "key": "key_folded",
            "found": "githubAppPrivateKey has blanks",
            "remedy": "Write the key with YAML's literal block.",
        },
        {"key": "secret_value_missing", "found": "githubAppID is missing", "remedy": "the App's ID."},
    ],
}


def test_a_credential_that_no_client_could_use_fails_with_all_that_is_wrong_and_the_others_are_judged():
    found = judge(accepted(), apps=[UNUSABLE, app()])
    assert found.state == "fail"
    assert found.keys == (Key.UNUSABLE, KeyFault.FOLDED, SecretFault.MISSING)
    assert found.about == ("argocd/creds-acme",)
    assert found.summary == (
        "argocd/creds-acme: its clients cannot use it: githubAppPrivateKey has blanks; githubAppID is missing"
    )
    assert (
        "argocd/creds-acme: Write the key with YAML's literal block. argocd/creds-acme: the App's ID." in found.remedy
    )
    of_unusable, of_good = found.seen["apps"]
    assert (of_unusable["unusable"], of_unusable["blame"]) == (UNUSABLE["unusable"], Key.UNUSABLE)
    assert of_good["node_clock"]["class"] == "accepted"


def test_an_unusable_credential_does_not_hide_what_another_one_is_refused_for():
    found = judge(bad_key("now"), apps=[UNUSABLE, app()])
    assert {Key.UNUSABLE, Key.NOT_THE_CLOCK} <= set(found.keys)
    assert "deploy: not the clock" in found.summary


def test_a_fault_of_another_version_is_shown_and_is_no_key():
    row = {"key": "key_of_tomorrow", "found": "it is from tomorrow", "remedy": "Wait."}
    found = judge(accepted(), apps=[{"name": "a", "unusable": [row]}])
    assert found.keys == (Key.UNUSABLE,)
    assert "it is from tomorrow" in found.summary


def test_what_is_noted_of_an_app_is_said_whatever_was_found():
    noted = {**app(), "notes": ["Argo CD goes through a proxy"]}
    passed, failed = judge(accepted(), apps=[noted]), judge(bad_key("now"), apps=[noted])
    assert (passed.state, failed.state) == ("pass", "fail")
    for found in (passed, failed):
        assert "note: Argo CD goes through a proxy" in found.summary
        assert found.seen["apps"][0]["notes"] == noted["notes"]
