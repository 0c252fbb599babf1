"""The secret of a development server: made once, for its owner alone."""

import secrets
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.secret import load_secret, refuse_weak_secrets, weakness
from app.setting_forms import MIN_SECRET_BYTES
from app.settings import Settings, SettingsError

PROGRAM = """
import sys
from pathlib import Path
from app.secret import load_secret
from app.settings import Settings
settings, folder = Settings(), Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(load_secret(settings, folder).decode())
"""


def test_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    """The first start makes a secret long enough, in a folder it makes too; later ones read it."""
    folder = tmp_path / "not" / "there"
    secret = load_secret(Settings(), folder)
    assert len(secret) >= MIN_SECRET_BYTES
    assert load_secret(Settings(), folder) == secret
    assert [path.name for path in folder.iterdir()] == ["secret.key"]
    assert load_secret(Settings(), tmp_path) != secret


def test_secret_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else on the machine can sign tokens."""
    load_secret(Settings(), tmp_path)
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_secret_that_is_set_is_taken_and_not_written(tmp_path: Path) -> None:
    """With SECRET_KEY no file is made or read."""
    settings = Settings(secret_key=SecretStr("x" * 40))
    assert load_secret(settings, tmp_path / "unused") == b"x" * 40
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    """Two workers of one server must accept each other's tokens from the first moment."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    secrets = {process.communicate(timeout=30)[0] for process in started}
    assert len(secrets) == 1
    assert secrets == {(tmp_path / "secret.key").read_text() + "\n"}
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_threads_that_start_at_once_get_the_same_secret(tmp_path: Path) -> None:
    """Within one process too, whoever comes first decides and nobody overwrites."""
    start = threading.Barrier(8)

    def load(folder: Path) -> bytes:
        start.wait()
        return load_secret(Settings(), folder)

    with ThreadPoolExecutor(8) as pool:
        for round_ in range(20):
            folder = tmp_path / str(round_)
            assert len(set(pool.map(load, [folder] * 8))) == 1
            assert [path.name for path in folder.iterdir()] == ["secret.key"]


WEAK = {
    "x" * 40: "different characters",
    "0101010101010101010101010101010101": "different characters",
    "changeme-changeme-changeme-changeme": "a word of examples",
    "please-change-me-before-you-deploy-it": "a word of examples",
    "My_Super_Secret_Key_Of_The_Server_1": "a word of examples",
    "P.a.s.s.w.o.r.d-1234567890-abcdefgh": "a word of examples",
    "django-insecure-4f!k2@9v#q7w$e8r%t0y": "a word of examples",
    "correcthorse-correcthorse-correcthorse": "repeats itself",
    "0123456789abcdef0123456789abcdef": "repeats itself",
    "abcdefghijklmnopqrstuvwxyz0123456789": "goes through the alphabet",
}


@pytest.mark.parametrize(("secret", "reason"), WEAK.items())
def test_secret_that_others_try_first_is_weak(secret: str, reason: str) -> None:
    """Of one sign over and over, of a known word, of a part that comes again, of the alphabet."""
    assert reason in (weakness(secret) or "")


def test_secret_that_was_made_at_random_is_not_weak() -> None:
    """In whatever form it is made; one in a million may be."""
    makers = (secrets.token_urlsafe, secrets.token_hex)
    found = [weakness(make(size)) for make in makers for size in (24, 32, 48) for _ in range(200)]
    assert sum(reason is not None for reason in found) <= 1


@pytest.mark.parametrize("name", ["secret_key", "secret_key_previous", "ops_token"])
def test_production_does_not_start_with_a_weak_secret(name: str) -> None:
    """The message names the setting, says what to do and does not show the secret."""
    strong: dict[str, Any] = {
        key: SecretStr(secrets.token_urlsafe(48)) for key in ("secret_key", "ops_token")
    }
    refuse_weak_secrets(Settings(environment="production", **strong))
    weak = strong | {name: SecretStr("changeme" * 5)}
    with pytest.raises(SettingsError) as refused:
        refuse_weak_secrets(Settings(environment="production", **weak))
    told = str(refused.value)
    assert told.startswith(f"{name.upper()}: can be guessed, for it has a word of examples in it.")
    assert "changeme" not in told
    refuse_weak_secrets(Settings(environment="development", **weak))
