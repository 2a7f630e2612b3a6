"""The master key, keyed hashes and sealed values."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from guard.records.encryption import DataKey, open_text, seal_text, unwrap, wrap_new
from guard.records.errors import KeyUnusable, TextDestroyed
from guard.records.ids import new_id
from guard.records.keys import KEY_FILE, Keys

_TENANT = UUID(int=7)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    first = Keys.load(home)
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == [KEY_FILE]
    again = Keys.load(home)
    assert again.hashed(_TENANT, "person", b"x") == first.hashed(_TENANT, "person", b"x")
    assert Keys.load(tmp_path / "other").hashed(_TENANT, "person", b"x") != first.hashed(_TENANT, "person", b"x")


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: Keys.load(tmp_path).hashed(_TENANT, "turn", b"x"), range(16)))
    assert len(set(made)) == 1


def test_hashes_differ_by_tenant_purpose_and_material(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    hashes = {
        keys.hashed(tenant, purpose, material)
        for tenant in (_TENANT, UUID(int=8))
        for purpose in ("person", "session", "turn", "thread", "completion")
        for material in (b"", b"a", b"b")
    }
    assert len(hashes) == 30
    assert {len(one) for one in hashes} == {32}


def test_derived_keys_are_bounded(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    first = keys.hashed(_TENANT, "person", b"x")
    for number in range(5000):
        keys.hashed(UUID(int=number + 100), "person", b"x")
    assert len(keys._derived) <= 4096
    assert keys.hashed(_TENANT, "person", b"x") == first


@pytest.mark.parametrize(
    "content",
    ["", "nonsense", "handrail-master-key 1 short", "handrail-master-key x " + "A" * 44, "handrail-master-key 1"],
)
def test_a_broken_key_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / KEY_FILE
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyUnusable):
        Keys.load(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Keys.load(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        Keys.load(tmp_path)


def test_an_older_key_version_still_opens(tmp_path: Path) -> None:
    old = Keys.load(tmp_path)
    sealed = old.seal("journal", b"plain", b"place")
    with (tmp_path / KEY_FILE).open("a") as file:
        file.write(f"handrail-master-key 2 {base64.b64encode(os.urandom(32)).decode()}\n")
    both = Keys.load(tmp_path)
    assert both.version == 2
    assert both.open("journal", sealed, b"place") == b"plain"
    assert both.seal("journal", b"plain", b"place")[0] == 2
    with pytest.raises(KeyUnusable, match="version 2"):
        old.open("journal", both.seal("journal", b"plain", b"place"), b"place")


@pytest.mark.parametrize("wrong", [b"", b"\x01", b"\x01" + bytes(40)])
def test_what_was_not_sealed_does_not_open(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(KeyUnusable):
        Keys.load(tmp_path).open("journal", wrong, b"")


def test_sealed_values_are_bound_to_purpose_and_place(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    sealed = keys.seal("journal", b"plain", b"place")
    assert b"plain" not in sealed
    assert sealed != keys.seal("journal", b"plain", b"place")
    for purpose, place in (("channel", b"place"), ("journal", b"elsewhere")):
        with pytest.raises(KeyUnusable):
            keys.open(purpose, sealed, place)
    with pytest.raises(KeyUnusable):
        keys.open("journal", sealed[:-1] + bytes([sealed[-1] ^ 1]), b"place")


def test_text_opens_only_where_it_was_written(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    key, turn = wrap_new(keys, _TENANT), new_id()
    sealed = seal_text(unwrap(keys, key), "a quiet evening \ud83c", tenant_id=_TENANT, turn_id=turn, field="user")
    opened = open_text(unwrap(keys, key), sealed, tenant_id=_TENANT, turn_id=turn, field="user")
    assert opened == "a quiet evening \ud83c"
    for tenant, turn_id, field in (
        (UUID(int=8), turn, "user"),
        (_TENANT, new_id(), "user"),
        (_TENANT, turn, "reply"),
    ):
        with pytest.raises(KeyUnusable):
            open_text(unwrap(keys, key), sealed, tenant_id=tenant, turn_id=turn_id, field=field)
    with pytest.raises(KeyUnusable):
        open_text(unwrap(keys, wrap_new(keys, _TENANT)), sealed, tenant_id=_TENANT, turn_id=turn, field="user")


def test_a_data_key_of_another_tenant_or_a_destroyed_one_does_not_unwrap(tmp_path: Path) -> None:
    keys = Keys.load(tmp_path)
    key = wrap_new(keys, _TENANT)
    with pytest.raises(KeyUnusable):
        unwrap(keys, DataKey(UUID(int=8), key.id, key.wrapped))
    with pytest.raises(TextDestroyed):
        unwrap(keys, DataKey(_TENANT, key.id, None))
