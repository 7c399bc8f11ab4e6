"""Settings: where they come from, and that a wrong one is refused by name."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import msgspec
import pytest

from recoup.kit.secret import Secret
from recoup.settings import LogFormat, Settings, SettingsError, load

KEY = b64encode(bytes(range(32))).decode()


def test_nothing_has_to_be_set() -> None:
    assert load({}) == Settings()


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    file = tmp_path / "recoup.toml"
    file.write_text('port = 9000\nhost = "::1"\n')
    settings = load({"RECOUP_PORT": "9001"}, file)
    assert (settings.port, settings.host, settings.sandbox_port) == (9001, "::1", 0)


def test_each_type_is_read_from_text() -> None:
    settings = load(
        {
            "RECOUP_PORT": "0",
            "RECOUP_PROCESSOR_TIMEOUT_S": "2.5",
            "RECOUP_DATABASE_BEHIND_POOLER": "true",
            "RECOUP_DATA_DIR": "/var/x y",
            "RECOUP_LOG_FORMAT": "json",
            "RECOUP_PUBLIC_URL": "https://pay.example.com/recoup",
            "RECOUP_DATABASE_URL": "postgresql://u:p@h/d",
            "PATH": "/bin",
        }
    )
    assert settings == Settings(
        port=0,
        processor_timeout_s=2.5,
        database_behind_pooler=True,
        data_dir=Path("/var/x y"),
        log_format=LogFormat.JSON,
        public_url="https://pay.example.com/recoup",
        database_url=Secret("postgresql://u:p@h/d"),
    )


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("RECOUP_PORT", "http", "a whole number from 0 to 65535"),
        ("RECOUP_PORT", "65536", "a whole number from 0 to 65535"),
        ("RECOUP_PORT", "-1", "a whole number from 0 to 65535"),
        ("RECOUP_PORT", "8_080", "a whole number"),
        ("RECOUP_PORT", " 8080", "a whole number"),
        ("RECOUP_PROCESSOR_TIMEOUT_S", "nan", "a number from 0.1 to 300"),
        ("RECOUP_PROCESSOR_TIMEOUT_S", "inf", "a number from 0.1 to 300"),
        ("RECOUP_PUBLIC_URL", "pay.example.com", "an http or https address without a slash at the end"),
        ("RECOUP_PUBLIC_URL", "https://pay.example.com/", "an http or https address"),
        ("RECOUP_PUBLIC_URL", "https://pay.example.com/a b", "an http or https address"),
        ("RECOUP_DATABASE_BEHIND_POOLER", "yes", "true or false"),
        ("RECOUP_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_is_expected(
    variable: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError, match=f"{variable} must be {expected}"):
        load({variable: value})


def test_a_wrong_type_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recoup.toml"
    file.write_text('port = "9000"\n')
    with pytest.raises(SettingsError, match=r"port in recoup\.toml must be a whole number"):
        load({}, file)


@pytest.mark.parametrize("variable", ["RECOUP_PROT", "RECOUP_", "RECOUP_port"])
def test_an_unknown_variable_is_refused_because_it_is_a_slip(variable: str) -> None:
    with pytest.raises(SettingsError, match=f"{variable} is no setting"):
        load({variable: "1"})


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recoup.toml"
    file.write_text("[server]\nport = 1\n")
    with pytest.raises(SettingsError, match=r"server in recoup\.toml is no setting"):
        load({}, file)


def test_an_empty_variable_is_not_set() -> None:
    assert load({"RECOUP_DATABASE_URL": "", "RECOUP_PORT": ""}) == Settings()


def test_what_the_tests_are_told_is_not_for_the_service() -> None:
    assert load({"RECOUP_TEST_DATABASE_URL": "postgresql://x"}) == Settings()


def test_the_file_can_be_named_and_must_then_be_there(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    with pytest.raises(SettingsError, match="There is no settings file"):
        load({"RECOUP_CONFIG": str(file)})
    file.write_text("port = 7\n")
    assert load({"RECOUP_CONFIG": str(file)}).port == 7


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recoup.toml"
    file.write_text("port: 7\n")
    with pytest.raises(SettingsError, match="not readable as TOML"):
        load({}, file)


@pytest.mark.parametrize(
    "key", ["short", "not base64!", b64encode(bytes(31)).decode(), b64encode(bytes(33)).decode()]
)
def test_a_master_key_is_32_bytes_and_a_wrong_one_is_not_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match="32 random bytes") as refused:
        load({"RECOUP_MASTER_KEY": key})
    assert key not in str(refused.value)
    assert refused.value.__context__ is None or key not in repr(refused.value.__context__)


def test_a_master_key_comes_from_one_place() -> None:
    with pytest.raises(SettingsError, match="not both"):
        load({"RECOUP_MASTER_KEY": KEY, "RECOUP_MASTER_KEY_FILE": "/key"})


def test_no_secret_is_shown() -> None:
    settings = load({"RECOUP_MASTER_KEY": KEY, "RECOUP_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    assert KEY not in repr(settings) and "hunter2" not in repr(settings)


def test_every_setting_says_what_it_is_for() -> None:
    for field in msgspec.structs.fields(Settings):
        assert "description=" in repr(field.type), f"{field.name} has no description"
