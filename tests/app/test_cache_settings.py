"""Settings of the cache and of what caches on the way are told."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load_settings

ALLOWED = "REDIS_URL: must look like redis://user:password@host:6379/0, rediss://… or unix:///path."


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no `.env` of the machine reaches a test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_answers_are_cached_in_memory_unless_told_otherwise() -> None:
    """The cache is on, for five minutes, bounded by number and size, without Redis."""
    settings = load_settings()
    assert settings.enable_query_caching is True
    assert settings.enable_redis_cache is False
    assert settings.query_cache_ttl == 300
    assert (settings.cache_max_size, settings.cache_max_bytes) == (1000, 64 * 2**20)
    assert settings.redis_url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.enable_cache_warming is False
    assert settings.cache_warming_queries == ("contacts:popular", "companies:active")


def test_http_caching_is_as_asked_for_unless_told_otherwise() -> None:
    """Tags are given, public answers live five minutes, and files that never change a year."""
    settings = load_settings()
    assert (settings.enable_http_cache, settings.http_cache_public) == (True, True)
    assert settings.http_cache_must_revalidate is False
    assert settings.http_cache_max_age == settings.http_cache_api_max_age == 300
    assert settings.http_cache_static_max_age == 31_536_000


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://:hunter2@[::1]:6379/3",
        "rediss://user:hunter2@cache.example.com:6380/0?ssl_cert_reqs=required",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_address_of_redis_may_be_a_host_or_a_socket(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Plain, encrypted, or on this machine."""
    monkeypatch.setenv("REDIS_URL", url)
    assert load_settings().redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    ["hunter2", "http://hunter2", "redis://", "redis://:hunter2@", "redis://u:hunter2@h:port",
     "unix://", "redis://[hunter2"],
)  # fmt: skip
def test_address_that_is_not_of_redis_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A typing mistake in REDIS_URL is told by its name and quotes nothing of the address."""
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == ALLOWED


def test_password_of_redis_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever prints or logs the settings shows no password."""
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@host")
    settings = load_settings()
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("contacts:popular", ("contacts:popular",)),
        (" contacts:popular , Overview,", ("contacts:popular", "Overview")),
        (",", ()),
    ],
)
def test_warmers_are_written_with_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, names: tuple[str, ...]
) -> None:
    """Blanks around names do not matter, and a comma too many names nothing."""
    monkeypatch.setenv("CACHE_WARMING_QUERIES", written)
    assert load_settings().cache_warming_queries == names


def test_env_file_explains_its_cache_settings(tmp_path: Path) -> None:
    """A comment behind a value is none of it: not of a number, a name, a switch or an address."""
    (tmp_path / ".env").write_text(
        "ENABLE_REDIS_CACHE=true  # two servers share it\n"
        "REDIS_URL=redis://cache:6379/1 # not the one of the queue\n"
        "QUERY_CACHE_TTL=10m  # ten minutes\n"
        "CACHE_MAX_BYTES=1GiB # a lot\n"
        "CACHE_WARMING_QUERIES=settings:app, Overview  # what people see first\n"
        "HTTP_CACHE_STATIC_MAX_AGE=7d # a week\n"
        "HTTP_CACHE_API_MAX_AGE=0 # ask each time\n"
    )
    settings = load_settings()
    assert settings.enable_redis_cache is True
    assert settings.redis_url.get_secret_value() == "redis://cache:6379/1"
    assert (settings.query_cache_ttl, settings.cache_max_bytes) == (600, 2**30)
    assert settings.cache_warming_queries == ("settings:app", "Overview")
    assert (settings.http_cache_static_max_age, settings.http_cache_api_max_age) == (604_800, 0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CACHE_MAX_SIZE", "0", "Input should be greater than or equal to 1"),
        ("CACHE_MAX_BYTES", "0", "Input should be greater than 0"),
        ("QUERY_CACHE_TTL", "0", "Input should be greater than 0"),
        ("HTTP_CACHE_MAX_AGE", "-1", "must be a number of seconds, or like 500ms, 15m, 1h, 7d"),
        ("HTTP_CACHE_MAX_AGE", "500ms", "Input should be a valid integer"),
        ("HTTP_CACHE_PUBLIC", "perhaps", "Input should be a valid boolean"),
    ],
)
def test_wrong_cache_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    """The message names the setting and says what is allowed."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"{name}: {words}")
