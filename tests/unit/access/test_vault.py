"""Sealed secrets open only with the key, in the place and in the form they were sealed."""

import base64
import os
import secrets
from pathlib import Path

import pytest

from rallypoint.access.vault import Vault
from rallypoint.errors import Refused
from rallypoint.settings import Settings


def settings(folder: Path) -> Settings:
    return Settings(data=folder)


def test_what_is_sealed_opens_again(tmp_path: Path) -> None:
    vault = Vault.open(settings(tmp_path))
    sealed = vault.seal("whsec_geheim ü", "contact:7")
    assert vault.unseal(sealed, "contact:7") == "whsec_geheim ü"
    assert b"geheim" not in sealed
    assert vault.seal("whsec_geheim ü", "contact:7") != sealed


def test_the_key_file_is_made_once_and_only_for_us(tmp_path: Path) -> None:
    sealed = Vault.open(settings(tmp_path / "new")).seal("x", "a")
    file = tmp_path / "new" / "secret.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(file.parent) == ["secret.key"]
    assert Vault.open(settings(tmp_path / "new")).unseal(sealed, "a") == "x"
    assert Vault.open(Settings(data=tmp_path, secret_key_file=file)).unseal(sealed, "a") == "x"


def test_a_secret_moved_to_another_row_stays_shut(tmp_path: Path) -> None:
    vault = Vault.open(settings(tmp_path))
    with pytest.raises(Refused):
        vault.unseal(vault.seal("x", "contact:7"), "contact:8")


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    vault = Vault.open(settings(tmp_path))
    sealed = vault.seal("x", "a")
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(Refused):
            vault.unseal(changed, "a")
    for length in range(len(sealed)):
        with pytest.raises(Refused):
            vault.unseal(sealed[:length], "a")


def test_another_key_opens_nothing_and_an_older_one_still_does(tmp_path: Path) -> None:
    old = Vault.open(settings(tmp_path / "a")).seal("x", "a")
    with pytest.raises(Refused, match="another key"):
        Vault.open(settings(tmp_path / "b")).unseal(old, "a")
    file = tmp_path / "a" / "secret.key"
    file.write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n" + file.read_bytes())
    rotated = Vault.open(settings(tmp_path / "a"))
    assert rotated.unseal(old, "a") == "x"
    assert rotated.seal("x", "a")[1:5] != old[1:5]


@pytest.mark.parametrize("content", [b"", b"not base64 !", base64.b64encode(b"short"), b"\xff\xfe"])
def test_a_damaged_key_file_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(Refused, match="key file"):
        Vault.open(settings(tmp_path))
