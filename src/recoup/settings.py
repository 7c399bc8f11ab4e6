"""Every setting of Recoup: one frozen struct, read once at the start from the environment and `recoup.toml`.

`RECOUP_PORT=9000` in the environment goes before `port = 9000` in the file, and that before the default. A wrong value
or an unknown name stops the start with the setting's name and what is expected there. An empty variable counts as not
set, because container tools write those.
"""

from __future__ import annotations

import binascii
import math
import tomllib
from base64 import b64decode
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from msgspec.inspect import CustomType, EnumType, FloatType, IntType, Type, UnionType, type_info

from recoup.kit.secret import Secret
from recoup.messages.core.policy import is_address
from recoup.messages.mail import Security
from recoup.payments.core.lapse import read_spans
from recoup.webhooks.core.addresses import read_networks

PREFIX: Final = "RECOUP_"
FILE_NAME: Final = "recoup.toml"
_FILE_SETTING: Final = "RECOUP_CONFIG"
_NOT_OURS: Final = "RECOUP_TEST_"
"""What the test suite is told, not the service."""

MASTER_KEY_BYTES: Final = 32


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what is expected."""


class LogLevel(StrEnum):
    """The least that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks: for people, or for machines."""

    CONSOLE = "console"
    JSON = "json"


class NetworkLimits(StrEnum):
    """How often cards may be tried again, where what networks publish differs."""

    CAUTIOUS = "cautious"
    PUBLISHED = "published"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever runs Recoup may choose."""

    database_url: Annotated[
        Secret | None,
        Meta(
            description="A PostgreSQL server (15 or newer); without it Recoup runs one of its own in `data_dir`."
        ),
    ] = None
    database_connections_max: Annotated[
        int, Meta(ge=2, le=1000, description="The most connections held.")
    ] = 20
    database_statement_timeout_s: Annotated[
        float, Meta(ge=0.1, le=600, description="A statement that takes longer is ended.")
    ] = 15.0
    database_behind_pooler: Annotated[
        bool, Meta(description="Whether `database_url` leads to a transaction pooler such as PgBouncer.")
    ] = False
    data_dir: Annotated[
        Path, Meta(description="Where the own PostgreSQL and a generated master key live.")
    ] = Path(".recoup")
    host: Annotated[str, Meta(min_length=1, description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on; 0 takes any free one.")] = (
        8080
    )
    network_limits: Annotated[
        NetworkLimits,
        Meta(
            description="How often cards are tried again: `cautious` allows Visa cards 15 reattempts in 30 days, "
            "`published` 20, as Visa's rules have it since 2025-05-25."
        ),
    ] = NetworkLimits.CAUTIOUS
    decisions_kept_days: Annotated[
        int,
        Meta(
            ge=31,
            le=36_500,
            description="For how many days decisions are kept, such as why an account was asked.",
        ),
    ] = 400
    public_url: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[!-~]*[!-.0-~]\Z", max_length=500)] | None,
        Meta(
            description="Where customers' browsers reach this server, without a slash at the end, such as "
            "`https://pay.example.com`: banks send them back there. Without it, where it listens.",
        ),
    ] = None
    sandbox: Annotated[
        bool, Meta(description="Whether to run the simulated processors and keep a sandbox merchant ready.")
    ] = True
    sandbox_port: Annotated[
        int,
        Meta(ge=0, le=65535, description="The port of the simulated processors, on loopback; 0 takes any."),
    ] = 0
    sandbox_link_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="The port of the simulated processors for acquirer links, on loopback; 0 takes any.",
        ),
    ] = 0
    master_key: Annotated[
        Secret | None,
        Meta(description="The key that wraps the keys of stored cards: 32 random bytes in base64."),
    ] = None
    master_key_file: Annotated[
        Path | None, Meta(description="A file that holds the master key, instead of `master_key`.")
    ] = None
    updater_key_file: Annotated[
        Path | None,
        Meta(
            description="A public RSA or EC key in PEM: whoever has its private half may read the card numbers in "
            "files for account updaters. Without it none are made."
        ),
    ] = None
    log_level: Annotated[LogLevel, Meta(description="The least that is logged.")] = LogLevel.INFO
    log_format: Annotated[LogFormat, Meta(description="Log lines for people or for machines.")] = (
        LogFormat.CONSOLE
    )
    requests_in_flight_max: Annotated[
        int, Meta(ge=1, le=100_000, description="Requests worked on at once; one more is answered 503.")
    ] = 256
    request_body_bytes_max: Annotated[
        int, Meta(ge=1024, le=16 * 1024 * 1024, description="The largest request body taken, in bytes.")
    ] = 256 * 1024
    processor_timeout_s: Annotated[
        float, Meta(ge=0.1, le=300, description="How long one request to a processor may take in all.")
    ] = 30.0
    processor_connect_timeout_s: Annotated[
        float, Meta(ge=0.1, le=60, description="How long connecting to a processor may take.")
    ] = 5.0
    attempts_per_call_max: Annotated[
        int,
        Meta(ge=1, le=10, description="How many processors one payment call may ask, one after the other."),
    ] = 3
    webhook_networks: Annotated[
        str,
        Meta(
            max_length=2000,
            description="Networks of yours that webhooks may be sent to although they are not public, such as "
            "`10.1.0.0/16, fd00:1::/64`. Without it live webhooks go to public addresses only.",
        ),
    ] = ""
    inbound_kept_days: Annotated[
        int,
        Meta(
            ge=1, le=3650, description="For how many days what processors sent is kept, and can be replayed."
        ),
    ] = 90
    reread_after: Annotated[
        str,
        Meta(
            min_length=2,
            max_length=200,
            description="How long after its end a payment is read again at its processor: spans such as `30m`, `1h` or "
            "`7d`, separated by commas.",
        ),
    ] = "1h, 1d, 7d, 30d"
    dispute_reminders: Annotated[
        str,
        Meta(
            min_length=2,
            max_length=200,
            description="How long before the day by which a dispute must be answered `dispute.evidence_due` is told: "
            "spans such as `7d` or `12h`, separated by commas.",
        ),
    ] = "7d, 3d, 1d"
    disputes_asked_every: Annotated[
        str,
        Meta(
            min_length=2,
            max_length=6,
            description="How often processors are asked which disputes there are, a span such as `6h`; more seldom, up "
            "to once a day, where nothing new is found.",
        ),
    ] = "6h"
    smtp_host: Annotated[
        Annotated[str, Meta(pattern=r"^[!-~]+\Z", max_length=255)] | None,
        Meta(
            description="The mail server that takes messages to customers; without it none leave by e-mail."
        ),
    ] = None
    smtp_port: Annotated[int, Meta(ge=1, le=65535, description="Its port.")] = 587
    smtp_security: Annotated[
        Security,
        Meta(description="How the way to the mail server is encrypted; `none` for one on this machine."),
    ] = Security.STARTTLS
    smtp_user: Annotated[
        Annotated[str, Meta(max_length=320)] | None, Meta(description="The name to log in with, if any.")
    ] = None
    smtp_password: Annotated[Secret | None, Meta(description="The password to log in with.")] = None
    smtp_from: Annotated[
        Annotated[str, Meta(max_length=254)] | None,
        Meta(
            description="The address that messages to customers come from, such as `billing@shop.example`; wanted with "
            "`smtp_host`."
        ),
    ] = None
    smtp_timeout_s: Annotated[
        float, Meta(ge=0.1, le=60, description="How long the mail server may take for one answer.")
    ] = 10.0
    smtp_test_to: Annotated[
        Annotated[str, Meta(max_length=254)] | None,
        Meta(
            description="Where all e-mails of test mode go, whoever they are for; without it none of them leaves."
        ),
    ] = None
    worker_poll_s: Annotated[
        float, Meta(ge=0.01, le=60, description="How often an idle worker looks for due work, in seconds.")
    ] = 0.5


def load(environ: Mapping[str, str], toml_path: Path | None = None) -> Settings:
    """Read the settings; raises `SettingsError`.

    The file is `toml_path`, or what RECOUP_CONFIG names, or `recoup.toml` in the working folder where there is one.
    """
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    chosen: dict[str, Any] = {}
    for name, value in _from_file(environ, toml_path).items():
        where = f"{name} in {FILE_NAME}"
        _refuse_unknown(name, where=where, known=fields)
        chosen[name] = _convert(value, field=fields[name], where=where, strict=True)
    variables = {f"{PREFIX}{name.upper()}": name for name in fields}
    for variable, value in environ.items():
        if _is_ours(variable) and value:
            _refuse_unknown(variable, where=variable, known=variables)
            name = variables[variable]
            chosen[name] = _convert(value, field=fields[name], where=variable, strict=False)
    return _consistent(Settings(**chosen))


def expected(field: msgspec.structs.FieldInfo) -> str:
    """What a setting takes, in words: "a whole number from 0 to 65535"."""
    return _words(type_info(field.type))


def _is_ours(variable: str) -> bool:
    return variable.startswith(PREFIX) and variable != _FILE_SETTING and not variable.startswith(_NOT_OURS)


def _from_file(environ: Mapping[str, str], toml_path: Path | None) -> dict[str, Any]:
    named = toml_path or (Path(environ[_FILE_SETTING]) if environ.get(_FILE_SETTING) else None)
    path = named or Path(FILE_NAME)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError(f"There is no settings file {named} (named by {_FILE_SETTING}).") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not readable as TOML: {error}.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def _refuse_unknown(name: str, *, where: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise SettingsError(f"{where} is no setting of Recoup. The settings are: {', '.join(sorted(known))}.")


def _convert(value: object, *, field: msgspec.structs.FieldInfo, where: str, strict: bool) -> object:
    """The value as the field's type; the message never repeats it, for it may be a secret."""
    try:
        converted: object = msgspec.convert(value, field.type, strict=strict, dec_hook=_custom)
    except msgspec.ValidationError:
        raise SettingsError(f"{where} must be {expected(field)}.") from None
    if isinstance(converted, float) and not math.isfinite(converted):
        raise SettingsError(f"{where} must be {expected(field)}.")
    return converted


def _custom(type_: type, value: object) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError("text is expected")
    return Secret(value) if type_ is Secret else Path(value)


def _consistent(settings: Settings) -> Settings:
    if settings.master_key is not None and settings.master_key_file is not None:
        raise SettingsError("Give one of master_key and master_key_file, not both.")
    if settings.master_key is not None and not _is_master_key(settings.master_key.reveal()):
        raise SettingsError(
            f"master_key must be {MASTER_KEY_BYTES} random bytes in base64, as `openssl rand -base64 32` prints them."
        )
    try:
        read_networks(settings.webhook_networks)
    except ValueError:
        raise SettingsError(
            "webhook_networks must be networks separated by commas, such as 10.1.0.0/16, fd00:1::/64."
        ) from None
    _check_mail(settings)
    for name in ("reread_after", "dispute_reminders", "disputes_asked_every"):
        try:
            read_spans(getattr(settings, name))
        except ValueError:
            raise SettingsError(
                f"{name} must be spans of time separated by commas, such as 1h, 1d, 7d."
            ) from None
    return settings


def _check_mail(settings: Settings) -> None:
    for name in ("smtp_from", "smtp_test_to"):
        address: str | None = getattr(settings, name)
        if address is not None and not is_address(address):
            raise SettingsError(f"{name} must be an e-mail address, such as billing@shop.example.")
    if settings.smtp_host is not None and settings.smtp_from is None:
        raise SettingsError("smtp_host needs smtp_from: the address that messages to customers come from.")
    if (settings.smtp_user is None) is not (settings.smtp_password is None):
        raise SettingsError("Give smtp_user and smtp_password together, or neither.")
    if settings.smtp_user is not None and settings.smtp_security is Security.NONE:
        raise SettingsError(
            "With smtp_security none the password would travel in the clear: use starttls or tls."
        )


def _is_master_key(text: str) -> bool:
    try:
        return len(b64decode(text, validate=True)) == MASTER_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _words(type_: Type) -> str:
    match type_:
        case msgspec.inspect.Metadata():
            return _words(type_.type)
        case UnionType():
            return _words(next(one for one in type_.types if not isinstance(one, msgspec.inspect.NoneType)))
        case IntType():
            return f"a whole number from {type_.ge} to {type_.le}"
        case FloatType():
            return f"a number from {type_.ge:g} to {type_.le:g}"
        case msgspec.inspect.BoolType():
            return "true or false"
        case EnumType():
            return f"one of {', '.join(str(member.value) for member in type_.cls)}"
        case CustomType() if type_.cls is Path:
            return "a path"
        case _:
            is_address = getattr(type_, "pattern", None) is not None
            return "an http or https address without a slash at the end" if is_address else "text"
