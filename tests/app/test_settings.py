"""Settings: what can be written, and that a wrong one is refused by its name."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_settings

SECRET = "kept-to-ourselves-0123456789-abcdef"


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no `.env` of the machine reaches a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_settings_there_are_defaults() -> None:
    """An empty environment is a development server with its own database."""
    settings = load_settings()
    assert settings.environment == "development"
    assert settings.is_production is False
    assert settings.database_url is None
    assert settings.secret_key is None
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.default_page_size, settings.max_page_size) == (100, 1000)
    assert (settings.database_pool_size, settings.database_max_overflow) == (25, 50)
    assert settings.max_body_size == 4 * 2**20
    assert settings.request_timeout == 10
    assert settings.enable_compiled_execution is True
    assert settings.documents_dir is None


WRONG = {
    "PORT": ("99999", "Input should be less than or equal to 65535"),
    "DATABASE_URL": ("mysql://h/d", "must look like postgresql://user:password@host:5432/database"),
    "SECRET_KEY": ("too-short", "must have at least 32 bytes"),
    "SECRET_KEY_PREVIOUS": ("too-short", "must have at least 32 bytes"),
    "ENVIRONMENT": ("staging", "Input should be 'development' or 'production'"),
    "LOG_LEVEL": ("loud", "Input should be 'debug', 'info', 'warning' or 'error'"),
    "LOG_FORMAT": ("xml", "Input should be 'auto', 'console' or 'json'"),
    "REQUEST_TIMEOUT": ("soon", "must be a number of seconds, or like 500ms, 15m, 1h, 7d"),
    "SLOW_QUERY_THRESHOLD": ("0", "Input should be greater than 0"),
    "MAX_BODY_SIZE": ("4 parsecs", "must be a number of bytes, or like 512KiB, 50MiB, 2GB"),
    "DATABASE_POOL_SIZE": ("0", "Input should be greater than or equal to 1"),
    "DATABASE_MAX_OVERFLOW": ("-1", "Input should be greater than or equal to 0"),
    "DEFAULT_PAGE_SIZE": ("many", "Input should be a valid integer"),
    "MAX_PAGE_SIZE": ("10001", "Input should be less than or equal to 10000"),
    "ENABLE_COMPILED_EXECUTION": ("maybe", "Input should be a valid boolean"),
    "ENABLE_QUERY_MONITORING": ("perhaps", "Input should be a valid boolean"),
    "ACCESS_TOKEN_TTL": ("2d", "Input should be less than or equal to 86400"),
    "CORS_ALLOW_ORIGINS": (
        "https://app.example.com/",
        "must be origins such as https://app.example.com, or *",
    ),
    "TRUSTED_PROXIES": (
        "127.0.0.1, proxy",
        "must be IP addresses or networks such as 10.0.0.0/8, or *",
    ),
    "MAX_QUERY_COST": ("0", "Input should be greater than or equal to 1"),
    "RATE_LIMIT_COST_PER_MINUTE": ("-1", "Input should be greater than or equal to 0"),
    "OPS_TOKEN": ("too-short", "must have at least 16 bytes"),
    "DATABASE_POOLER": ("transaction", "needs DATABASE_DIRECT_URL, the same database without"),
    "DATABASE_REPLICA_URL": ("postgresql://h/d", "needs DATABASE_URL, the primary that it is"),
    "DATABASE_DIRECT_URL": ("postgresql://h/d", "needs DATABASE_URL, the same database by its"),
    "REDIS_URL": ("redis://h:port", "must look like redis://user:password@host:6379/0, rediss://…"),
    "DRAIN_DELAY": ("-1s", "must be a number of seconds, or like 500ms, 15m, 1h, 7d"),
    "TRUSTED_DOCUMENTS_ONLY": ("true", "needs DOCUMENTS_DIR, where the documents are"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_setting_is_refused_with_its_name_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The message is one line that an operator can act on, without the value itself."""
    value, allowed = WRONG[name]
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}: {allowed}")
    assert message.endswith(".")
    assert "\n" not in message
    if "SECRET" in name or "URL" in name:
        assert value not in message


FREE = {"HOST", "DATA_DIR", "DOCUMENTS_DIR", "FILE_STORE_URL", "CACHE_WARMING_QUERIES"}
"""Any text can be meant; whether it is good shows when it is used."""


@pytest.mark.parametrize("name", sorted({name.upper() for name in Settings.model_fields} - FREE))
def test_nonsense_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No setting takes what it cannot mean, and none is used in its place unseen."""
    monkeypatch.setenv(name, "!no sense!!")
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load_settings()


def test_processes_share_what_postgresql_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several have fewer connections each, unless somebody says how many."""
    assert load_settings().pool == (25, 50)
    monkeypatch.setenv("WORKERS", "4")
    assert load_settings().pool == (10, 4)
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "0")
    assert load_settings().pool == (10, 0)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "25")
    assert load_settings().pool == (25, 0)


def test_production_goes_on_answering_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """In development nobody waits for the end of a server; whoever says how long is heard."""
    assert load_settings().drain_seconds == 0
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("SECRET_KEY", SECRET)
    assert load_settings().drain_seconds == 5
    monkeypatch.setenv("DRAIN_DELAY", "0")
    assert load_settings().drain_seconds == 0


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "postgresql://user:hunter2@host:port/db",
        "postgresql://user:hunter2@host:5432:1/db",
        "postgresql://user:hunter2",
    ],
    ids=["no address", "no port", "two ports", "no host"],
)
def test_address_that_cannot_be_read_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A typing mistake in DATABASE_URL is told by its name and quotes nothing of the address."""
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    allowed = "must look like postgresql://user:password@host:5432/database."
    assert str(caught.value) == f"DATABASE_URL: {allowed}"


def test_all_wrong_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start shows every mistake, a line each."""
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert sorted(line.partition(":")[0] for line in str(caught.value).splitlines()) == [
        "LOG_LEVEL",
        "PORT",
    ]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("90s", 90), ("500ms", 0.5), ("1.5 m", 90), ("1h", 3600), (" 7D ", 604_800)],
)
def test_duration_is_read_with_its_unit(
    monkeypatch: pytest.MonkeyPatch, written: str, seconds: float
) -> None:
    """Durations are seconds unless a unit stands behind the number."""
    monkeypatch.setenv("REQUEST_TIMEOUT", written)
    assert load_settings().request_timeout == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [("4096", 4096), ("512KiB", 524_288), ("50 MiB", 52_428_800), ("2gb", 2 * 10**9), ("1b", 1)],
)
def test_size_is_read_with_its_unit(
    monkeypatch: pytest.MonkeyPatch, written: str, size: int
) -> None:
    """Sizes are bytes unless a unit stands behind the number; KiB is not kB."""
    monkeypatch.setenv("MAX_BODY_SIZE", written)
    assert load_settings().max_body_size == size


def test_env_file_is_read_with_comments_behind_values(tmp_path: Path) -> None:
    """A `.env` may explain its lines, quote its values and hold names of others."""
    (tmp_path / ".env").write_text(
        "# ours\n"
        "REQUEST_TIMEOUT=300  # 5 minutes\n"
        "MAX_BODY_SIZE=8MiB # more\n"
        f'SECRET_KEY="{SECRET}"\n'
        "export PORT=9000\n"
        "LOG_LEVEL=\n"
        "SOMEBODY_ELSES=1\n"
    )
    settings = load_settings()
    assert settings.request_timeout == 300
    assert settings.max_body_size == 8 * 2**20
    assert settings.port == 9000
    assert settings.log_level == "info"
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == SECRET


def test_environment_wins_over_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the process is nearer than a file; an empty one is none."""
    (tmp_path / ".env").write_text("PORT=9000\nHOST=0.0.0.0\n")
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("HOST", "")
    settings = load_settings()
    assert settings.port == 9001
    assert settings.host == "0.0.0.0"  # noqa: S104  # only read, never listened at


def test_production_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A production server does not invent its secret; the message says how to make one."""
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(
        SettingsError, match=r"^SECRET_KEY is required when ENVIRONMENT is production"
    ):
        load_settings()
    monkeypatch.setenv("SECRET_KEY", SECRET)
    assert load_settings().is_production is True


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints or logs the settings shows no secret and no password."""
    monkeypatch.setenv("SECRET_KEY", SECRET)
    monkeypatch.setenv("SECRET_KEY_PREVIOUS", SECRET + "-previous")
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@host/db")
    settings = load_settings()
    shown = (
        f"{settings} {settings!r} {settings.secret_key} {settings.model_dump()}"
        f" {settings.model_dump_json()}"
    )
    assert SECRET not in shown
    assert "hunter2" not in shown


def test_every_setting_has_words() -> None:
    """A setting without a description would be one that nobody can use."""
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_rate_is_limited_in_production_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In development nobody is held up; 0 lets everybody do as they like."""
    assert load_settings().rate_limit is None
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("SECRET_KEY", SECRET)
    assert load_settings().rate_limit == 1_000_000
    for given, limit in (("0", None), ("5000", 5000)):
        monkeypatch.setenv("RATE_LIMIT_COST_PER_MINUTE", given)
        assert load_settings().rate_limit == limit
