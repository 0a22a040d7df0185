"""Settings: one frozen object, read once from the environment and a ``.env`` file.

Every name begins with ``FOLIOQL_``; ``DATABASE_URL`` and ``PORT`` are read too, as hosts set them.
An unknown or malformed one is refused. ``docs/configuration.md`` documents each.
"""

import os
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from gateway.limits import WORDS, Limits
from models.currencies import is_currency
from models.database import database_url
from models.market import KINDS

PREFIX = "FOLIOQL_"
PLAIN = {"DATABASE_URL": "database_url", "PORT": "port"}
MIN_SECRET = 32
VENDORS = ("finnhub", "massive", "twelve_data", "alpha_vantage", "yahoo")
"""Vendors of prices, as settings name them."""

PriceProvider = Literal[
    "files", "simulated", "finnhub", "massive", "twelve_data", "alpha_vantage", "yahoo"
]
RateProvider = Literal["ecb", "frankfurter", "alpha_vantage", "ecb_file"]
REMOTE = {*VENDORS, "ecb", "frankfurter"}
WINDOWS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
LIMIT = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour|day)")


class SettingsError(Exception):
    """The settings cannot be used; the message says which and why, without their values."""


class Settings(BaseModel):
    """All settings with their defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: Annotated[
        str,
        # It may hold a password.
        Field(repr=False, description="sqlite:///file or postgresql://…"),
    ] = "sqlite:///folioql.db"
    cache_url: Annotated[
        SecretStr, Field(description="redis://host, where replicas share market data.")
    ] = SecretStr("")
    host: Annotated[str, Field(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on.")] = 8000
    secret: Annotated[
        SecretStr | None, Field(description="Signs access tokens; 32 characters or more.")
    ] = None
    access_token_minutes: Annotated[
        int, Field(ge=1, le=1440, description="How long an access token works.")
    ] = 15
    refresh_token_days: Annotated[
        int, Field(ge=1, le=365, description="How long a refresh token works.")
    ] = 30
    providers: Annotated[
        tuple[PriceProvider, ...],
        Field(description="Providers of all kinds but rates, in the order they are asked."),
    ] = ("files", "simulated")
    quote_providers: Annotated[
        tuple[PriceProvider, ...] | None, Field(description="Another order for quotes.")
    ] = None
    profile_providers: Annotated[
        tuple[PriceProvider, ...] | None, Field(description="Another order for profiles.")
    ] = None
    bar_providers: Annotated[
        tuple[PriceProvider, ...] | None, Field(description="Another order for history.")
    ] = None
    action_providers: Annotated[
        tuple[PriceProvider, ...] | None,
        Field(description="Another order for splits and dividends."),
    ] = None
    search_providers: Annotated[
        tuple[PriceProvider, ...] | None, Field(description="Another order for searches.")
    ] = None
    rate_providers: Annotated[
        tuple[RateProvider, ...],
        Field(description="Providers of exchange rates in the order they are asked."),
    ] = ("ecb_file",)
    finnhub_key: Annotated[SecretStr, Field(description="Key of Finnhub.")] = SecretStr("")
    massive_key: Annotated[SecretStr, Field(description="Key of Massive.")] = SecretStr("")
    twelve_data_key: Annotated[SecretStr, Field(description="Key of Twelve Data.")] = SecretStr("")
    alpha_vantage_key: Annotated[SecretStr, Field(description="Key of Alpha Vantage.")] = SecretStr(
        ""
    )
    provider_urls: Annotated[
        dict[str, str], Field(description="Other addresses of vendors: name=URL, …")
    ] = {}  # pydantic copies it
    provider_limits: Annotated[
        dict[str, str], Field(description="What plans allow: name=60/minute+30/second, …")
    ] = {}
    provider_deadline_ms: Annotated[
        int, Field(ge=50, le=30_000, description="How long an answer may wait for vendors.")
    ] = 2000
    cross_check: Annotated[
        bool, Field(description="Compare each price with a second provider's.")
    ] = False
    price_files: Annotated[
        tuple[Path, ...], Field(description="CSV files with price history.")
    ] = ()
    price_files_currency: Annotated[
        str, Field(description="Currency of price files that do not name one.")
    ] = "USD"
    rate_file: Annotated[
        Path | None,
        Field(description="The ECB's history file (CSV or ZIP); a packaged copy if left out."),
    ] = None
    simulation_seed: Annotated[int, Field(description="Seed of the simulated market.")] = 1
    feed_interval_ms: Annotated[
        int, Field(ge=50, le=60_000, description="How often live prices are looked at.")
    ] = 1000
    refresh_seconds: Annotated[
        int, Field(ge=0, le=86_400, description="How often held prices are renewed; 0: never.")
    ] = 60
    metrics: Annotated[bool, Field(description="Serve metrics for Prometheus at /metrics.")] = False
    environment: Annotated[
        Literal["development", "production"],
        Field(description="Production tells nothing of the schema, unless the next two say so."),
    ] = "development"
    explorer: Annotated[bool, Field(description="Serve GraphiQL at /graphql.")] = True
    introspection: Annotated[bool, Field(description="Answer questions about the schema.")] = True
    cors_origins: Annotated[
        tuple[str, ...], Field(description="Sites whose pages may use the API: https://host, …")
    ] = ()
    cors_credentials: Annotated[
        bool, Field(description="Let those pages send cookies, for a proxy that wants them.")
    ] = False
    hsts_seconds: Annotated[
        int, Field(ge=0, le=63_072_000, description="How long browsers insist on TLS; 0: not.")
    ] = 0
    trusted_documents: Annotated[
        Path | None, Field(description="Manifest of documents that clients ask for by id.")
    ] = None
    trusted_only: Annotated[bool, Field(description="Run documents of the manifest only.")] = False
    max_body_bytes: Annotated[
        int, Field(ge=1_000, description="Largest accepted request body.")
    ] = 1_000_000
    max_sockets: Annotated[
        int,
        Field(ge=1, description="Sockets and streams that one user, or address, may have open."),
    ] = 100
    compress_from_bytes: Annotated[
        int, Field(ge=0, description="Least answer to compress where a client likes it; 0: none.")
    ] = 2_000
    max_batch: Annotated[
        int, Field(ge=0, le=100, description="Most requests that a user sends at once; 0: one.")
    ] = 10
    max_upload_bytes: Annotated[
        int, Field(ge=1_000, description="Largest accepted request with a file.")
    ] = 50_000_000
    limits: Annotated[
        Literal["enforce", "warn"],
        Field(description="Whether what goes beyond a limit is refused, or served with a warning."),
    ] = "enforce"
    max_length: Annotated[int, Field(ge=1_000, description="Characters of a document.")] = 50_000
    max_tokens: Annotated[int, Field(ge=100, description="Tokens of a document.")] = 5_000
    max_operations: Annotated[int, Field(ge=1, description="Operations of a document.")] = 20
    max_depth: Annotated[int, Field(ge=3, description="Levels of a document.")] = 20
    max_fields: Annotated[int, Field(ge=10, description="Fields of a document.")] = 500
    max_root_fields: Annotated[int, Field(ge=1, description="Root fields of an operation.")] = 50
    max_aliases: Annotated[int, Field(ge=0, description="Aliases of a document.")] = 100
    max_directives: Annotated[int, Field(ge=0, description="Directives of a document.")] = 100
    max_fragments: Annotated[
        int, Field(ge=0, description="Fragments of a document, and spreads of them.")
    ] = 200
    max_cost: Annotated[int, Field(ge=200, description="Points that an operation costs.")] = 50_000
    rate_capacity: Annotated[
        int, Field(ge=0, description="Points that a user can spend at once; 0 counts nothing.")
    ] = 2_000_000
    rate_restore: Annotated[
        int, Field(ge=1, description="Points that come back to a user each second.")
    ] = 20_000
    sign_in_attempts: Annotated[
        int, Field(ge=0, description="Attempts to sign in to an account in a minute; 0: any.")
    ] = 20
    trusted_proxies: Annotated[
        tuple[str, ...], Field(description="Proxies whose X-Forwarded-For is believed.")
    ] = ()
    max_introspection_depth: Annotated[
        int, Field(ge=0, description="Levels that a document goes into the schema.")
    ] = 16
    max_introspection_size: Annotated[
        int, Field(ge=0, description="Parts of the schema that a document can read.")
    ] = 300_000
    engine: Annotated[
        Literal["compiled", "reference"], Field(description="What executes GraphQL operations.")
    ] = "compiled"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="Least level to log.")
    ] = "info"
    demo: Annotated[bool, Field(description="Set by `folioql demo`; never by hand.")] = False

    @field_validator(
        "providers",
        "quote_providers",
        "profile_providers",
        "bar_providers",
        "action_providers",
        "search_providers",
        "rate_providers",
        "price_files",
        "cors_origins",
        "trusted_proxies",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="before")
    @classmethod
    def _quiet_in_production(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("environment") == "production":
            return {"explorer": False, "introspection": False} | given
        return given

    @field_validator("provider_urls", "provider_limits", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(sign for _, sign, _ in pairs):
            raise ValueError("not of the form name=value, name=value")
        named = {name.strip(): text.strip() for name, _, text in pairs}
        if unknown := sorted(named.keys() - REMOTE):
            raise ValueError(f"{unknown[0]} is none of {', '.join(sorted(REMOTE))}")
        return named

    @field_validator(
        "providers",
        "quote_providers",
        "profile_providers",
        "bar_providers",
        "action_providers",
        "search_providers",
        "rate_providers",
    )
    @classmethod
    def _sensible_order(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        if len(set(value)) < len(value):
            raise ValueError("names a provider twice")
        if "yahoo" in value and set(value[value.index("yahoo") + 1 :]) - {"simulated"}:
            raise ValueError("yahoo is best effort and comes last, before simulated at most")
        return value

    @field_validator("provider_urls")
    @classmethod
    def _usable_urls(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            url = urlsplit(text)
            if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.username:
                raise ValueError(f"{name}: not of the form https://host/path")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not ORIGIN.fullmatch(origin):
                raise ValueError("not all of the form https://host or https://host:port")
        return value

    @field_validator("provider_limits")
    @classmethod
    def _usable_limits(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not all(LIMIT.fullmatch(part) for part in text.split("+")):
                raise ValueError(f"{name}: not of the form 60/minute+30/second")
        return value

    @field_validator("database_url")
    @classmethod
    def _usable_database(cls, value: str) -> str:
        database_url(value)
        return value

    @field_validator("cache_url")
    @classmethod
    def _usable_cache(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            url = urlsplit(text)
            usable = (
                url.scheme in {"redis", "rediss"}
                and url.hostname
                and url.port != 0
                and re.fullmatch(r"/?[0-9]{0,5}", url.path)
                and not url.query + url.fragment
            )
        except ValueError:  # its words may repeat part of a password
            usable = False
        if text and not usable:
            raise ValueError(
                "not of the form redis://user:password@host:port/number, or rediss:// for TLS "
                "(other characters than letters and digits in a password as %XX)"
            )
        return value

    @field_validator("price_files_currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if not is_currency(value):
            raise ValueError("not an ISO 4217 currency")
        return value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MIN_SECRET:
            raise ValueError(f"needs at least {MIN_SECRET} characters")
        return value

    @model_validator(mode="after")
    def _no_vendor_without_its_key(self) -> Self:
        named = {name for kind in KINDS for name in self.providers_of(kind)}
        for name in VENDORS:
            key: SecretStr | None = getattr(self, f"{name}_key", None)
            if name in named and key is not None and not key.get_secret_value():
                raise ValueError(
                    f"{PREFIX}{name.upper()}_KEY is empty, but {name} is among the providers"
                )
        return self

    @model_validator(mode="after")
    def _nothing_trusted_without_a_list(self) -> Self:
        if self.trusted_only and self.trusted_documents is None:
            raise ValueError(
                f"{PREFIX}TRUSTED_ONLY needs {PREFIX}TRUSTED_DOCUMENTS, the documents to run"
            )
        return self

    @property
    def access_lifetime(self) -> timedelta:
        """Return how long an access token works."""
        return timedelta(minutes=self.access_token_minutes)

    @property
    def refresh_lifetime(self) -> timedelta:
        """Return how long a refresh token works."""
        return timedelta(days=self.refresh_token_days)

    @property
    def feed_interval(self) -> timedelta:
        """Return how often live prices are looked at."""
        return timedelta(milliseconds=self.feed_interval_ms)

    @property
    def provider_deadline(self) -> timedelta:
        """Return how long an answer may wait for vendors."""
        return timedelta(milliseconds=self.provider_deadline_ms)

    @property
    def document_limits(self) -> Limits:
        """Return the limits of documents."""
        most = {name: getattr(self, f"max_{name}") for name in WORDS}
        return Limits(**most, cost=self.max_cost, enforced=self.limits == "enforce")

    def providers_of(self, kind: str) -> tuple[str, ...]:
        """Return the providers of quotes, profiles, bars, actions, rates or search, in order."""
        chosen: tuple[str, ...] | None = getattr(self, f"{kind.removesuffix('s')}_providers")
        return self.providers if chosen is None else chosen

    def limits_of(self, vendor: str) -> list[tuple[int, timedelta]]:
        """Return the limits set for a vendor: calls and within which time; empty if none are."""
        text = self.provider_limits.get(vendor, "")
        return [(int(calls), WINDOWS[window]) for calls, window in LIMIT.findall(text)]

    def signing_secret(self) -> str:
        """Return the secret; outside demo mode there has to be one."""
        if self.secret is not None:
            return self.secret.get_secret_value()
        if self.demo:
            return secrets.token_urlsafe(MIN_SECRET)
        raise SettingsError(
            f"{PREFIX}SECRET is not set: it signs access tokens. Make one with "
            "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'`, or run the demo, "
            "which needs none."
        )


def _given(source: Mapping[str, str | None], *, strict: bool) -> dict[str, str]:
    """Pick our settings out of an environment; ``strict`` refuses names that are not ours."""
    found: dict[str, str] = {}
    for name, value in source.items():
        if value is None:
            continue
        if name in PLAIN:
            found.setdefault(PLAIN[name], value)
        elif name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).lower()
            if key not in Settings.model_fields or key == "demo":
                raise SettingsError(f"{name} is not a setting: see docs/configuration.md.")
            found[key] = value
        elif strict:
            raise SettingsError(f"{name} in .env is not a setting: see docs/configuration.md.")
    return found


def load_settings(
    environment: Mapping[str, str] | None = None, *, env_file: Path = Path(".env"), **given: Any
) -> Settings:
    """Read settings; arguments win over the environment, the environment over the file."""
    from_file = _given(dotenv_values(env_file), strict=True) if env_file.is_file() else {}
    from_environment = _given(os.environ if environment is None else environment, strict=False)
    try:
        return Settings.model_validate(from_file | from_environment | given)
    except ValidationError as error:
        # Only names and reasons: a value may be a secret or hold a password.
        reasons = []
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            reason = problem["msg"].removeprefix("Value error, ")
            reasons.append(f"{PREFIX}{name}: {reason}" if name else reason)
        words = "; ".join(reasons)
        # Nor is the cause told, which would repeat the values.
        raise SettingsError(f"These settings cannot be used: {words}.") from None
