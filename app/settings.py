"""Every setting, with its default, unit and words. Only this module reads the environment.

A setting is an environment variable or a line of `.env` with the name of the field in capitals.
OpenTelemetry has variables of its own, which `app/tracing/opening.py` looks for.

Long because all settings are one class, with a line or two for each variable there is.
"""

from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.setting_forms import (
    AgeSeconds,
    Bytes,
    DatabaseAddress,
    DrainSeconds,
    Names,
    Networks,
    OpsToken,
    Origins,
    RedisAddress,
    Seconds,
    SecretKey,
    SomeSeconds,
)
from domain.accounts import MAX_ACCESS_TOKEN_SECONDS

_NEEDS: Final = {
    "database_replica_url": ("database_url", "the primary that it is a standby of"),
    "database_direct_url": ("database_url", "the same database by its usual address"),
    "database_pooler": ("database_direct_url", "the same database without the pooler"),
    "trusted_documents_only": ("documents_dir", "where the documents are"),
}
"""Which settings are good for nothing without another one."""

_UNUSED: Final = (None, False, "none")


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what is allowed."""


class PoolSize(NamedTuple):
    """Connections of a process to PostgreSQL."""

    size: int
    overflow: int

    @property
    def most(self) -> int:
        """How many there are at most."""
        return self.size + self.overflow


class Settings(BaseSettings):
    """What can be set from outside."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_file=".env",
        extra="ignore",
        env_ignore_empty=True,
    )

    database_url: DatabaseAddress | None = Field(
        None, description="Address of PostgreSQL; unset, the server runs one of its own."
    )
    database_replica_url: DatabaseAddress | None = Field(
        None,
        description="Address of a standby of DATABASE_URL; queries read there while it keeps up.",
    )
    database_direct_url: DatabaseAddress | None = Field(
        None,
        description="Address of PostgreSQL without a pooler in between, for what listens and for"
        " commands; unset, DATABASE_URL.",
    )
    database_pooler: Literal["none", "transaction"] = Field(
        "none",
        description="transaction when DATABASE_URL leads to PgBouncer in transaction mode; needs"
        " DATABASE_DIRECT_URL.",
    )
    data_dir: Path | None = Field(
        None,
        description="Where its own database and secret lie; unset, the usual place.",
    )
    environment: Literal["development", "production"] = Field(
        "development", description="production refuses weak secrets and hides the schema."
    )
    host: str = Field("127.0.0.1", description="Address to listen at.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen at; 0 takes a free one.")
    workers: int = Field(
        1, ge=1, le=64, description="Processes that share the address; more than one wants Redis."
    )
    drain_delay: DrainSeconds = Field(
        None,
        description="How long a server that is told to stop goes on answering, so that proxies see"
        " it, 15 s at most; unset, 5 s in production and none in development.",
    )
    ops_token: OpsToken | None = Field(
        None,
        description="Lets monitoring read health and metrics, at least 16 bytes; unset, an admin's"
        " token does, and in development anybody on this machine may.",
    )
    secret_key: SecretKey | None = Field(
        None,
        description="Signs tokens and cursors, at least 32 bytes; unset, one is made and kept in "
        "DATA_DIR. Required in production.",
    )
    secret_key_previous: SecretKey | None = Field(
        None, description="The secret before this one; its tokens stay valid."
    )
    access_token_ttl: Seconds = Field(
        900,
        le=MAX_ACCESS_TOKEN_SECONDS,
        description="How long who has logged in is known by one token; 15 minutes.",
    )
    refresh_token_ttl: Seconds = Field(
        2_592_000, description="How long somebody stays logged in who does not come; thirty days."
    )
    cors_allow_origins: Origins = Field(
        "",
        validate_default=True,
        description="Web sites whose scripts may call this server, as in https://app.example.com;"
        " commas between them, * for all.",
    )
    trusted_proxies: Networks = Field(
        "127.0.0.1",
        validate_default=True,
        description="Addresses or networks of proxies that are believed whom they forward; commas"
        " between them, * for all.",
    )
    database_pool_size: int = Field(
        25,
        ge=1,
        le=1000,
        description="Connections that a process keeps open; unset, 10 when there are several"
        " WORKERS.",
    )
    database_max_overflow: int = Field(
        50,
        ge=0,
        le=1000,
        description="Connections opened beyond these when all are in use; unset, 4 when there are"
        " several WORKERS.",
    )
    enable_pool_monitoring: bool = Field(
        default=True, description="Log how the pool of connections does, and warn when it is full."
    )
    pool_monitoring_interval: Seconds = Field(60, description="How often that is logged.")
    pool_critical_wait: Seconds = Field(
        1.0, description="From which average wait for a connection on the pool is critical."
    )
    default_page_size: int = Field(
        100, ge=1, le=1000, description="Rows of a page when `first` and `last` are left out."
    )
    max_page_size: int = Field(
        1000, ge=1, le=10_000, description="Rows of a page at most; more are capped with a notice."
    )
    max_body_size: Bytes = Field(4 * 2**20, description="Bytes of a GraphQL request at most.")
    max_query_cost: int = Field(
        20_000, ge=1, le=10**9, description="Objects that an operation can ask for at most."
    )
    max_query_depth: int = Field(
        10, ge=1, le=50, description="Levels of fields that a document can have."
    )
    max_query_tokens: int = Field(
        2000,
        ge=50,
        le=100_000,
        description="Names, brackets and values of a document at most; 50 characters for each.",
    )
    max_query_aliases: int = Field(
        30, ge=0, le=10_000, description="Aliases of a document at most, those of fragments too."
    )
    max_query_fields: int = Field(
        400, ge=1, le=5000, description="Fields of a document at most, those of fragments too."
    )
    max_query_directives: int = Field(
        20, ge=0, le=10_000, description="Directives of a document at most."
    )
    max_query_operations: int = Field(
        10, ge=1, le=1000, description="Operations of a document at most."
    )
    rate_limit_cost_per_minute: int | None = Field(
        None,
        ge=0,
        le=10**12,
        description="Cost of all that a user can ask for in a minute; 0 for any, unset 1000000 in"
        " production and any in development.",
    )
    max_concurrent_operations: int = Field(
        100, ge=1, le=10_000, description="Operations that a process answers at the same time."
    )
    max_queued_operations: int = Field(
        100, ge=0, le=100_000, description="Operations that wait for that; more are sent away."
    )
    max_connections: int = Field(
        10_000, ge=10, le=1_000_000, description="Connections of clients that a process takes."
    )
    request_timeout: Seconds = Field(10, description="How long one operation may take.")
    enable_compiled_execution: bool = Field(
        default=True,
        description="Compile operations; false lets graphql-core execute them all, with the same "
        "answers.",
    )
    documents_dir: Path | None = Field(
        None,
        description="Folder of stored documents, `*.graphql`, and of manifests, `*.json`; requests"
        " name them.",
    )
    trusted_documents_only: bool = Field(
        default=False, description="Answer the documents of DOCUMENTS_DIR, and no others."
    )
    enable_persisted_queries: bool = Field(
        default=True, description="Keep documents that clients then name by their hashes."
    )
    enable_query_caching: bool = Field(
        default=True, description="Keep answers of queries for as long as they are true."
    )
    query_cache_ttl: Seconds = Field(300, description="How long an answer is kept at most.")
    cache_max_size: int = Field(
        1000, ge=1, le=1_000_000, description="Answers that are kept in memory at most."
    )
    cache_max_bytes: Bytes = Field(
        64 * 2**20, description="Bytes that all of these together have at most."
    )
    enable_redis_cache: bool = Field(
        default=False,
        description="Keep answers in Redis instead; several server processes need it.",
    )
    redis_url: RedisAddress = Field(
        "redis://localhost:6379/0", validate_default=True, description="Address of Redis."
    )
    enable_cache_warming: bool = Field(
        default=False, description="Fill the cache when the server starts, beside its requests."
    )
    cache_warming_queries: Names = Field(
        "contacts:popular,companies:active",
        validate_default=True,
        description="With what: contacts:popular, companies:active, settings:app, or names of "
        "stored documents; commas between them.",
    )
    enable_http_cache: bool = Field(
        default=True,
        description="Answer a GET that was answered before by 304 when nothing changed.",
    )
    http_cache_max_age: AgeSeconds = Field(
        300, description="How long others may keep public answers of GraphQL: the schema."
    )
    http_cache_public: bool = Field(
        default=True,
        description="Proxies may keep what is public; what is asked with a token never is.",
    )
    http_cache_must_revalidate: bool = Field(
        default=False,
        description="What was kept too long is not used even when we cannot be asked.",
    )
    http_cache_static_max_age: AgeSeconds = Field(
        31_536_000, description="How long browsers may keep files that never change; a year."
    )
    http_cache_api_max_age: AgeSeconds = Field(
        300, description="How long others may keep public answers of other routes: pages."
    )
    enable_streaming_queries: bool = Field(
        default=True, description="Export all that matches a filter; false answers 501."
    )
    streaming_chunk_size: Bytes = Field(
        2**20, ge=2**12, le=2**26, description="Bytes that a download is sent at a time."
    )
    streaming_batch_size: int = Field(
        1000,
        ge=1,
        le=10_000,
        description="Rows of a page in streams of GraphQL documents, at most.",
    )
    max_streaming_results: int | None = Field(
        None, ge=1, le=10**12, description="Rows that an export has at most; unset, all that match."
    )
    export_spool_ttl: Seconds = Field(
        3600, description="How long a finished export can be read again; an hour."
    )
    export_spool_quota: Bytes = Field(
        10 * 2**30,
        description="Bytes that all exports together take on the disk at most; a quarter of them"
        " the jobs of one user.",
    )
    max_concurrent_exports: int = Field(
        4,
        ge=1,
        le=1000,
        description="Exports that a user can have written at the same time; a further one takes the"
        " place of the oldest that nobody reads.",
    )
    max_upload_size: Bytes = Field(
        50 * 2**20, description="Bytes of a file that is sent, but for imports and pictures."
    )
    max_upload_chunk_size: Bytes = Field(
        2**20, ge=2**12, le=2**26, description="Bytes of a file that are taken at a time."
    )
    max_import_size: Bytes = Field(2 * 2**30, description="Bytes of a file to import at most.")
    upload_ttl: Seconds = Field(
        86_400, description="How long a file waits for its rest, and then for its use; a day."
    )
    upload_quota: Bytes = Field(
        10 * 2**30, description="Bytes of all the files of one user at most."
    )
    file_store_url: str | None = Field(
        None,
        description="Where finished files are kept, as in s3://bucket/path; unset, in DATA_DIR."
        " Needs the extra object-store.",
    )
    placeholder_value: str = Field(
        "_", max_length=10, description="What a cell of an import says that has no value."
    )
    undo_window: Seconds = Field(
        604_800, description="How long after it a merge or an import can be undone; a week."
    )
    max_concurrent_background_tasks: int = Field(
        10, ge=1, le=1000, description="Tasks that run beside the requests of a process at a time."
    )
    background_task_timeout: Seconds = Field(
        30.0, description="How long such tasks may still take when the process stops."
    )
    parallel_processing_workers: int = Field(
        4, ge=1, le=64, description="Threads or processes that compute at the same time."
    )
    parallel_processing_max_workers: int = Field(
        8, ge=1, le=64, description="Never more of them, whatever is asked for."
    )
    enable_parallel_processing: bool = Field(
        default=True, description="false does everything one after another."
    )
    job_concurrency: int = Field(
        4, ge=1, le=100, description="Durable jobs that a worker runs at the same time."
    )
    job_retention: Seconds = Field(
        2_592_000, description="How long a job is remembered after its end; thirty days."
    )
    activity_retention: SomeSeconds = Field(
        None, description="How long activities are kept; unset, for ever."
    )
    enable_query_monitoring: bool = Field(
        default=True,
        description="Log statements that are slow, and list them at /ops with what is wrong with"
        " their plans.",
    )
    slow_query_threshold: Seconds = Field(1.0, description="From when on a statement is slow.")
    enable_sql_comments: bool = Field(
        default=False,
        description="Name the operation in a comment of each statement, for the logs of"
        " PostgreSQL; each name prepares statements of its own.",
    )
    enable_access_log: bool = Field(default=True, description="Log each request with a line.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important messages that are logged."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto is console at a terminal in development, else json."
    )

    @field_validator(*_NEEDS)
    @classmethod
    def _has_what_it_needs(cls, value: object, info: ValidationInfo) -> object:
        other, why = _NEEDS[str(info.field_name)]
        # One that was refused itself is told of already.
        if value not in _UNUSED and info.data.get(other, value) is None:
            raise ValueError(f"needs {other.upper()}, {why}")
        return value

    @property
    def pool(self) -> PoolSize:
        """The connections of one process; fewer where several share what PostgreSQL takes."""
        is_usual = self.workers == 1
        given = self.model_fields_set
        return PoolSize(
            self.database_pool_size if is_usual or "database_pool_size" in given else 10,
            self.database_max_overflow if is_usual or "database_max_overflow" in given else 4,
        )

    @property
    def drain_seconds(self) -> float:
        """How long a server that is told to stop goes on answering."""
        usual = 5.0 if self.is_production else 0.0
        return usual if self.drain_delay is None else self.drain_delay

    @property
    def rate_limit(self) -> int | None:
        """The cost that a user can ask for in a minute; None for any."""
        usual = 1_000_000 if self.is_production else 0
        given = self.rate_limit_cost_per_minute
        return (usual if given is None else given) or None

    @property
    def shared_redis(self) -> str | None:
        """Where processes share what may be lost; None where each is alone."""
        return self.redis_url.get_secret_value() if self.enable_redis_cache else None

    @property
    def is_production(self) -> bool:
        """Whether strangers can reach this server."""
        return self.environment == "production"


def load_settings(**given: object) -> Settings:
    """The settings of this process; those given by name come before the environment.

    Raises:
        SettingsError: One of them cannot be used.
    """
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise SettingsError("\n".join(_sentence(problem) for problem in error.errors())) from None
    if settings.is_production and settings.secret_key is None:
        raise SettingsError(
            "SECRET_KEY is required when ENVIRONMENT is production. Make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return settings


def _sentence(problem: object) -> str:
    details: dict[str, object] = dict(problem)  # type: ignore[call-overload]  # a typed dict of pydantic
    location = details["loc"]
    name = str(location[0] if isinstance(location, tuple) and location else "settings").upper()
    return f"{name}: {str(details['msg']).removeprefix('Value error, ')}."
