"""Master keys come from a setting, a file, or once from chance, and never show."""

from __future__ import annotations

import os
import stat
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.vault.house import master_text

from recoup.kit.secret import Secret
from recoup.vault.keys import MasterKeyUnusable, key_id, load_master_keys, read_keys


def test_a_key_of_the_setting_is_used() -> None:
    keys = load_master_keys(Secret(master_text(1)), None, generate_in=None, entropy=os.urandom)
    assert list(keys.known) == [keys.current]
    assert len(keys.current) == 8
    assert not keys.generated


def test_the_first_line_of_a_file_is_current_and_the_others_are_known(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{master_text(1)}\n{master_text(2)}\n\n")
    keys = load_master_keys(None, file, generate_in=None, entropy=os.urandom)
    assert keys.current == read_keys(Secret(master_text(1))).current
    assert len(keys.known) == 2
    assert key_id(keys.oldest) == read_keys(Secret(master_text(2))).current


def test_without_any_one_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    keys = load_master_keys(None, None, generate_in=folder, entropy=os.urandom)
    again = load_master_keys(None, None, generate_in=folder, entropy=os.urandom)
    assert keys.generated
    assert keys.current == again.current
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = threads.map(
            lambda _: load_master_keys(None, None, generate_in=tmp_path, entropy=os.urandom), range(32)
        )
        assert len({keys.current for keys in made}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_key_that_is_made_is_not_made_where_that_is_not_allowed() -> None:
    with pytest.raises(MasterKeyUnusable, match="openssl rand"):
        load_master_keys(None, None, generate_in=None, entropy=os.urandom)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "not base64 at all!",
        b64encode(bytes(31)).decode(),
        b64encode(bytes(33)).decode(),
        "0" * 64,
        f"{master_text(1)}\nbroken",
        "\n".join(master_text(seed) for seed in range(17)),
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(MasterKeyUnusable) as caught:
        read_keys(Secret(text))
    assert not [line for line in text.split() if len(line) > 10 and line in str(caught.value)]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for file in (tmp_path / "missing", tmp_path, binary):
        with pytest.raises(MasterKeyUnusable, match=file.name):
            load_master_keys(None, file, generate_in=None, entropy=os.urandom)


def test_no_key_shows() -> None:
    keys = read_keys(Secret(master_text(1)))
    assert master_text(1) not in repr(keys)
    assert bytes([1]).hex() * 4 not in repr(keys)
