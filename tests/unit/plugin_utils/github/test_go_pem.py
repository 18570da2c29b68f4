"""Which keys Go's clients read, what is said of the others,
and that what Go reads is loaded here.
"""

from __future__ import annotations

import math

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.go_pem import GoRefusesError, read_key
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.key_faults import LONGEST, KeyFault, faults_of

from tests.unit.plugin_utils.github.key_forms import FORMS, Form, app_key, changed, numbers, pem

READ = {name: form for name, form in FORMS.items() if form.go_reads}
REFUSED = {name: form for name, form in FORMS.items() if not form.go_reads}
OTHERS = {"1024 bits", "three primes"}
OF_THE_APP = {name: form for name, form in READ.items() if name not in OTHERS}


@pytest.mark.parametrize("name", OF_THE_APP)
def test_what_go_reads_is_loaded_as_the_same_key(name: str) -> None:
    key = read_key(READ[name].make())
    assert (key.n, key.d) == (app_key().public_key().public_numbers().n, app_key().private_numbers().d)
    assert key.load().private_numbers().d == key.d
    assert key.pem() == pem().decode() or "other way round" in name


def test_a_short_key_of_1024_bits_is_loaded() -> None:
    assert read_key(READ["1024 bits"].make()).load().key_size == 1024


def test_a_key_whose_p_is_no_prime_is_read_by_go_alone() -> None:
    _, _, e, _, _, q, *_ = numbers()
    p = next(p for p in range(2**1023 + 1, 2**1024, 2) if p % 3 == 0 and math.gcd(e, p - 1) == 1 == math.gcd(p, q))
    d = pow(e, -1, math.lcm(p - 1, q - 1))
    key = read_key(changed({1: p * q, 3: d, 4: p, 6: d % (p - 1), 7: d % (q - 1), 8: pow(q, -1, p)}))
    with pytest.raises(ValueError, match="does not verify its signature"):
        key.load()


def test_a_key_of_three_primes_is_read_by_go_alone() -> None:
    key = read_key(READ["three primes"].make())
    for form in (key.load, key.pem):
        with pytest.raises(ValueError, match="more than two primes"):
            form()


@pytest.mark.parametrize("form", REFUSED.values(), ids=REFUSED)
def test_what_go_refuses_is_refused_with_its_faults(form: Form) -> None:
    text = form.make()
    with pytest.raises(GoRefusesError) as refused:
        read_key(text)
    faults = faults_of(text)
    assert tuple(fault.key for fault in faults) == form.faults
    said = f"{refused.value!r} {faults}".encode()
    words = [word for word in text.split() if len(word) > 20 and b"-----" not in word]
    assert not any(word in said for word in words)
    assert all(fault.found and fault.remedy for fault in faults)


def test_every_fault_is_found_in_some_form() -> None:
    assert {fault for form in REFUSED.values() for fault in form.faults} == set(KeyFault) - {KeyFault.NOT_LOADED}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"-" * 99999, id="hyphens"),
        pytest.param(b"\n-----BEGIN RSA PRIVATE KEY-----" * 4000, id="only beginnings"),
        pytest.param(b"\n-----BEGIN A-----\n-----END B-----" * 3000, id="blocks that do not fit"),
        pytest.param(b"\x30" * 99999, id="nothing but sequences"),
        pytest.param(b"\\" * 99999, id="backslashes"),
        pytest.param(b"\n-----BEGIN A-----\n-----END A-----*" * 25000, id="blocks that do not end"),
    ],
)
def test_a_text_of_any_length_is_looked_at_in_bounded_time(text: bytes) -> None:
    assert len(text) > LONGEST
    with pytest.raises(GoRefusesError):
        read_key(text)
    assert faults_of(text)
