"""Settings: read once, frozen. A flag wins over a ``HANDRAIL_*`` variable, which wins over ``handrail.toml``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from detectors.encoder.devices import DEVICES, Device, is_device
from guard.errors import SettingsInvalid

__all__ = ["MOST_WORKERS", "Settings", "load_settings", "unknown_variables"]

MOST_WORKERS: Final = 64
"""Gateway processes of one supervisor."""

_FILE = "handrail.toml"


def _is_file(pack: str) -> bool:
    """Whether a pack is given by its file, not by the name of one that is shipped."""
    return pack.endswith((".yaml", ".yml")) or "/" in pack


class Settings(BaseSettings):
    """Everything that can be set. Times are in seconds, sizes in bytes, unless a name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_", frozen=True, extra="forbid", toml_file=_FILE)

    data_dir: Path = Field(Path(".handrail"), description="where the embedded database, keys and journal live")
    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    port: int = Field(8080, ge=0, le=65535, description="port of the gateway; 0 takes a free one")
    upstream_url: str | None = Field(None, description="the chatbot's base URL, ending in /v1; without it the demo chatbot")
    upstream_key: SecretStr | None = Field(None, description="key for the upstream; without it none is sent")
    database_url: str | None = Field(None, description="PostgreSQL 15 or later; without it the embedded one")
    broker_url: str | None = Field(None, description="Celery's broker; without it pgmq in the same database")
    policy: str = Field("companion-app", description="a pack's name or a policy file")
    device: str = Field("auto", description="what the model runs on: auto, cpu, cuda, cuda:N, or a model server's address")
    device_token: SecretStr | None = Field(None, description="what a model server is shown; see `handrail model serve`")
    device_seconds: float = Field(0.3, gt=0, le=10, description="longest call to a model server before the CPU answers")
    model: bool = Field(True, description="let the shipped model score above the lexicon; false: the lexicon alone")
    external_models: str = Field("", description="packs of other people's models: files or names, with commas between")
    allow_downloads: bool = Field(False, description="fetch the models of packs that are not on this machine")
    start_seconds: float = Field(120.0, gt=0, description="longest wait for a process of `handrail up` to be ready")
    workers: int = Field(1, ge=1, le=MOST_WORKERS, description="gateway processes")
    default_locale: str = Field("en-US", description="BCP 47; the resources and words where a request names none")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else json")

    max_body_bytes: int = Field(4 * 1024 * 1024, ge=1024, description="largest request body")
    max_response_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="largest whole reply of the upstream")
    max_frame_bytes: int = Field(1024 * 1024, ge=1024, description="longest single event of a streamed reply")
    max_json_depth: int = Field(64, ge=8, le=250)
    max_messages: int = Field(2000, ge=1)
    max_choices: int = Field(16, ge=1, le=128)
    max_held_bytes: int = Field(8 * 1024 * 1024, ge=4096, description="most that one reply may hold back")
    upstream_connect_seconds: float = Field(5.0, gt=0)
    upstream_first_byte_seconds: float = Field(60.0, gt=0)
    upstream_idle_seconds: float = Field(60.0, gt=0)
    upstream_total_seconds: float = Field(600.0, gt=0)
    upstream_connections: int = Field(512, ge=1)
    hold_seconds: float = Field(60.0, gt=0, description="longest whole-reply hold")
    keepalive_seconds: float = Field(5.0, gt=0, description="between comments while a streamed reply is held")
    score_seconds: float = Field(0.5, gt=0, description="longest wait for the scores of one text")
    redact_seconds: float = Field(5.0, gt=0, description="longest search for personal data before a call goes upstream")
    drain_seconds: float = Field(8.0, gt=0, description="for turns in flight at a shutdown")
    session_cache: int = Field(20_000, ge=0, description="sessions kept in each gateway worker")
    group_commit_seconds: float = Field(0.02, ge=0.001, le=0.05)
    journal_max_bytes: int = Field(64 * 1024 * 1024, ge=1024 * 1024)
    database_seconds: float = Field(2.0, gt=0, description="longest wait for one statement on a turn's path")
    trusted_proxies: str = Field("127.0.0.1,::1", description="addresses and networks whose X-Forwarded headers count")
    allow_private_webhooks: bool = Field(False, description="let webhooks reach loopback and private addresses")
    smtp_url: SecretStr | None = Field(None, description="mail server: smtps://user:password@host, or smtp:// for STARTTLS")
    mail_from: str | None = Field(None, description="address that e-mails come from")
    public_url: str | None = Field(None, description="where reviewers reach the console; links in e-mails begin with it")
    opinion_url: str | None = Field(None, description="base URL, ending in /v1, of a model that gives second opinions")
    opinion_key: SecretStr | None = Field(None, description="key for that endpoint; without it none is sent")
    opinion_model: str | None = Field(None, max_length=200, description="the model that gives second opinions")
    opinion_daily: int = Field(200, ge=1, le=100_000, description="most second opinions of one tenant a day (UTC)")
    opinion_timeout: float = Field(20.0, gt=0, le=25, description="longest wait for one second opinion")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flag, variable, file: in this order, and nothing else."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("device")
    @classmethod
    def _device(cls, value: str) -> str:
        if not is_device(value):
            raise ValueError(f"{value!r} is no device; give {DEVICES}")
        return value

    @field_validator("external_models")
    @classmethod
    def _packs(cls, value: str) -> str:
        # A child process may run in another folder.
        names = [name.strip() for name in value.split(",") if name.strip()]
        return ",".join(str(Path(name).expanduser().absolute()) if _is_file(name) else name for name in names)

    @field_validator("upstream_url", "opinion_url")
    @classmethod
    def _upstream(cls, value: str | None) -> str | None:
        if value is None or value == "":
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give an http or https address such as https://api.example.org/v1")
        if not parts.path.rstrip("/").endswith("/v1"):
            raise ValueError("the address must end in /v1, as OpenAI clients' base URLs do")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value() if value is not None else "")
        if value is not None and value.get_secret_value() and (parts.scheme not in ("smtp", "smtps") or not parts.hostname):
            raise ValueError("give smtps://user:password@host (TLS), or smtp:// instead (STARTTLS)")
        return value if value is not None and value.get_secret_value() else None

    @field_validator("public_url")
    @classmethod
    def _public(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("give an http or https address such as https://handrail.example.org")
        return value.rstrip("/") if value else None

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("postgresql", "postgres"):
            raise ValueError("give a postgresql:// address")
        return value or None

    @property
    def packs(self) -> tuple[str, ...]:
        """The packs of other people's models, in their order."""
        return tuple(name for name in self.external_models.split(",") if name)

    @property
    def scorer_device(self) -> Device:
        """What the model runs on, with what a model server must know."""
        token = None if self.device_token is None else self.device_token.get_secret_value()
        return Device(self.device, token, self.device_seconds)

    @property
    def home(self) -> Path:
        """The data folder as an absolute path."""
        return self.data_dir.expanduser().absolute()

    @property
    def country(self) -> str | None:
        """The default locale's region, ISO 3166-1 alpha-2."""
        region = self.default_locale.replace("_", "-").split("-")[-1]
        return region.upper() if len(region) == 2 and "-" in self.default_locale.replace("_", "-") else None

    def environment(self) -> dict[str, str]:
        """These settings as ``HANDRAIL_*`` variables, for a child process."""
        out: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            elif isinstance(value, Path):
                value = value.expanduser().absolute()
            out[f"HANDRAIL_{name.upper()}"] = str(value)
        return out


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings from ``flags`` (``None`` values are flags that were not given), the environment and ``handrail.toml``.

    Raises :class:`~guard.errors.SettingsInvalid` naming every wrong setting, where it came from and what it may be.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False):
            name = ".".join(str(part) for part in item["loc"]) or "?"
            variable = f"HANDRAIL_{name.upper()}"
            if name in given:
                where = f"the flag --{name.replace('_', '-')}"
            elif variable in os.environ:
                where = f"the variable {variable}"
            else:
                where = f"{name} in {_FILE}"
            unknown = item["type"] == "extra_forbidden"
            why = _no_setting(name) if unknown else item["msg"].removeprefix("Value error, ")
            lines.append(f"{where}: {why}")
        raise SettingsInvalid("settings cannot be used:\n  " + "\n  ".join(lines)) from None
    except (ValueError, OSError) as error:  # a broken handrail.toml
        raise SettingsInvalid(f"{_FILE} cannot be read: {error}") from None
    return settings


def _no_setting(name: str) -> str:
    near = get_close_matches(name, Settings.model_fields, 1)
    return "there is no such setting; " + (f"did you mean {near[0]}?" if near else "take it out")


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """One sentence for each ``HANDRAIL_*`` variable that no setting has, with the nearest name that one does."""
    known = {f"HANDRAIL_{name.upper()}" for name in Settings.model_fields}
    sentences = []
    for name in sorted(set(environ) - known):
        if name.startswith("HANDRAIL_") and not name.startswith("HANDRAIL_INTERNAL_"):
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            sentences.append(f"the variable {name} is no setting and is ignored{hint}")
    return sentences
