"""One-time codes by RFC 6238, each taken once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from guard.records.errors import KeyUnusable
from guard.records.keys import Keys
from guard.review import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(at: int, code: str) -> None:
    """RFC 6238, appendix B, the last six of its eight digits."""
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(at, UTC), None) == at // 30


def test_a_code_is_taken_within_a_step_to_either_side_and_never_again() -> None:
    """Clocks drift by half a minute; a code that was seen over a shoulder is worth nothing."""
    code = "287082"  # of step 1, seconds 30 to 59
    for second, taken in ((0, True), (59, True), (89, True), (90, False), (3600, False)):
        found = totp.matching_step(SECRET, code, datetime.fromtimestamp(second, UTC), None)
        assert (found == 1) is taken, second
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(59, UTC), 1) is None
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(59, UTC), 2) is None
    assert totp.matching_step(SECRET, code, datetime.fromtimestamp(59, UTC), 0) == 1
    assert totp.matching_step(SECRET, " 287 082 ", datetime.fromtimestamp(59, UTC), None) == 1


@pytest.mark.parametrize("wrong", ["", "28708", "2870820", "０８１８０４", "abcdef", "\ud800", "-287082", "287082\0"])
def test_anything_else_is_no_code(wrong: str) -> None:
    """Whatever characters it has."""
    assert totp.matching_step(SECRET, wrong, datetime.fromtimestamp(59, UTC), None) is None


def test_a_sealed_secret_opens_for_its_reviewer_alone() -> None:
    """Moved to another row it does not open."""
    keys, tenant, reviewer = Keys({1: b"k" * 32}), uuid4(), uuid4()
    secret = totp.new_secret()
    sealed = totp.seal_secret(keys, tenant, reviewer, secret)
    assert secret.encode() not in sealed
    assert totp.open_secret(keys, tenant, reviewer, sealed) == secret
    with pytest.raises(KeyUnusable):
        totp.open_secret(keys, tenant, uuid4(), sealed)


def test_recovery_codes_are_read_however_they_were_typed() -> None:
    """And no two installations, tenants or reviewers store the same."""
    keys, tenant, reviewer = Keys({1: b"k" * 32}), uuid4(), uuid4()
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    digests = {totp.recovery_digest(keys, tenant, reviewer, code) for code in codes}
    assert len(digests) == totp.RECOVERY_CODES
    code = codes[0]
    assert totp.recovery_digest(keys, tenant, reviewer, code.upper().replace("-", "  ")) in digests
    assert totp.recovery_digest(keys, tenant, uuid4(), code) not in digests
    assert totp.recovery_digest(keys, tenant, reviewer, code[:-1]) is None
    assert totp.recovery_digest(keys, tenant, reviewer, code.replace(code[0], "1", 1)) is None
