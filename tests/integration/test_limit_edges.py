"""The edges of the limits, a second on each side, with the real programs that have them.

The programs are those that ``tested`` names in ``limits.yml``. They were made without the rows in
view, so this proves the figures.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.limits import Limit, shipped_limits

from tests.integration import token_programs

LIMITS = shipped_limits()
IN_EVERY_RUN = ("registry-token",)
"""The others are nightly: more has to be had for them."""

LIBRARIES = {
    "go-oidc": "go-oidc",
    "kubernetes-service-account-tokens": "go-jose",
    "argocd-server": "golang-jwt",
}
"""The library that a limit's program compares the times with."""

PROGRAMS = {"registry-token": "registry", "awx-receptor": "receptor", "kerberos": "service"}
"""The fixture that runs a limit's program."""

Accepts = Callable[[int], bool]


pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None, reason="the programs are unpacked from Debian's packages, and here is no apt-get"
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accepts]:
    with token_programs.registry(tmp_path_factory.mktemp("registry")) as running:
        yield running.accepts


@pytest.fixture(scope="module")
def receptor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accepts]:
    with token_programs.receptor(tmp_path_factory.mktemp("receptor")) as running:
        yield running.accepts


@pytest.fixture(scope="module")
def realm(libfaketime: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[token_programs.Kerberos]:
    with token_programs.kerberos(tmp_path_factory.mktemp("kerberos"), libfaketime) as running:
        yield running


@pytest.fixture
def service(realm: token_programs.Kerberos) -> Accepts:
    return realm.accepts


@pytest.fixture
def accepts(request: pytest.FixtureRequest) -> Accepts:
    """Whether the program of a limit works with its clock ahead of the other side's."""
    name: str = request.param
    if name in LIBRARIES:
        return lambda skew_s: token_programs.verifier_accepts(LIBRARIES[name], skew_s)
    of: Accepts = request.getfixturevalue(PROGRAMS[name])
    return of


BETWEEN = {"registry-token": -1, "awx-receptor": 1, "kubernetes-service-account-tokens": -1, "argocd-server": -1}
"""The limits between two machines, and on which side the one that compares is too far off."""


def edges(name: str, limit: Limit) -> list[int]:
    """The skews at which the program begins to refuse. Two machines share a limit between them."""
    if side := BETWEEN.get(name):
        return [side * round(2 * limit.skew_s.high)]
    return [round(edge_s) for edge_s in (limit.skew_s.low, limit.skew_s.high) if math.isfinite(edge_s)]


TESTED = {name: limit for name, limit in LIMITS.items() if limit.tested}
EDGES = [
    pytest.param(
        name,
        edge_s,
        id=f"{name}-{abs(edge_s)}-s-{'ahead' if edge_s > 0 else 'behind'}",
        marks=[] if name in IN_EVERY_RUN else [pytest.mark.nightly],
    )
    for name, limit in TESTED.items()
    for edge_s in edges(name, limit)
]


def test_every_program_that_is_here_is_named_in_its_row() -> None:
    assert {*TESTED} == {*LIBRARIES, *PROGRAMS}
    assert {name for name, limit in TESTED.items() if limit.skew_s.low == -limit.skew_s.high} >= {*BETWEEN}


@pytest.mark.parametrize(("accepts", "edge_s"), EDGES, indirect=["accepts"])
def test_the_program_works_a_second_within_the_limit_and_fails_a_second_beyond(accepts: Accepts, edge_s: int) -> None:
    second = 1 if edge_s > 0 else -1
    assert accepts(0)
    assert accepts(edge_s - second)
    assert not accepts(edge_s + second)


@pytest.mark.parametrize("skew_s", [-4000, 4000])
@pytest.mark.nightly
def test_a_client_of_kerberos_corrects_itself(realm: token_programs.Kerberos, skew_s: int) -> None:
    assert realm.client_gets_a_ticket(skew_s)
