"""Logs: one form for all, at the level asked for, and no secret in them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app.log import configure_logging
from app.settings import Settings
from tests.app.terminal import logging_put_back

SECRETS = ("password", "token", "authorization", "secret", "api_key")


@pytest.fixture(autouse=True)
def _logging_is_put_back() -> Iterator[None]:
    """Whatever a test configures ends with it."""
    with logging_put_back():
        yield


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged as JSON; nothing goes to stdout."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """An event has its level, its time, its facts and those of the request around it."""
    configure_logging(Settings(log_format="json"))
    structlog.contextvars.bind_contextvars(request_id="r1")
    structlog.get_logger("ours").info("loaded", rows=3, text="two\nlines")
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "loaded",
        "level": "info",
        "request_id": "r1",
        "rows": 3,
        "text": "two\nlines",
    }


def test_secrets_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    """A value under the name of a secret is never written, in either form."""
    facts = dict.fromkeys(SECRETS, "hunter2")
    configure_logging(Settings(log_format="json"))
    structlog.get_logger("ours").warning("login", user="ada", **facts)
    (line,) = lines(capsys)
    assert {name: line[name] for name in SECRETS} == dict.fromkeys(SECRETS, "***")
    assert line["user"] == "ada"
    configure_logging(Settings(log_format="console"))
    structlog.get_logger("ours").warning("login", **facts)
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert shown.count("***") == len(SECRETS)


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_within_facts_are_masked(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """The variables of a mutation show what was asked for, without the password in them."""
    variables = {
        "input": {"email": "ada@example.com", "password": "hunter2", "apiKey": "hunter2"},
        "headers": [{"Authorization": "hunter2"}],
    }
    configure_logging(Settings.model_validate({"log_format": form}))
    structlog.get_logger("ours").warning("mutation_refused", variables=variables)
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert "ada@example.com" in shown
    assert shown.count("***") == 3
    assert variables["headers"] == [{"Authorization": "hunter2"}]


@pytest.mark.parametrize("form", ["json", "console"])
def test_traceback_does_not_show_local_variables(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """A logged exception says where it happened, not what the variables held."""
    configure_logging(Settings.model_validate({"log_format": form}))

    def connect(dsn: str) -> None:
        if dsn:
            raise LookupError("no such host")

    try:
        connect("hunter2".replace("r2", "r2!"))
    except LookupError:
        structlog.get_logger("ours").exception("failed")
    shown = capsys.readouterr().err
    assert "no such host" in shown
    assert "in connect" in shown
    assert "hunter2!" not in shown


@pytest.mark.parametrize("form", ["json", "console"])
def test_signed_addresses_are_masked(capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Wherever they stand in what is logged, by us or by others."""
    configure_logging(Settings.model_validate({"log_format": form}))
    structlog.get_logger("ours").info("GET /a?token=hunter2", url="/b?x=1&token=hunter2")
    logging.getLogger("theirs").warning("%s has failed", "/c?token=hunter2")
    shown = capsys.readouterr().err
    assert "hunter2" not in shown
    assert shown.count("***") == 3


def test_signed_address_in_a_traceback_is_masked(capsys: pytest.CaptureFixture[str]) -> None:
    """An error may tell what was asked for."""
    configure_logging(Settings(log_format="json"))
    try:
        {"/a": 1}["/a?token=hunter2"]
    except LookupError:
        structlog.get_logger("ours").exception("failed")
    (line,) = lines(capsys)
    assert "KeyError: '/a?token=***'" in line["exception"]


def test_logs_of_libraries_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """What uvicorn and others log goes through the same renderer and the same mask."""
    configure_logging(Settings(log_format="json"))
    logging.getLogger("uvicorn.error").warning("Started %s", "now")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("Started now", "warning")


def test_answer_that_we_broke_off_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Our line says why; uvicorn's says only that there is no end."""
    configure_logging(Settings(log_format="json"))
    log = logging.getLogger("uvicorn.error")
    log.error("ASGI callable returned without completing response.")
    log.error("ASGI callable returned without starting response.")
    (line,) = lines(capsys)
    assert line["event"] == "ASGI callable returned without starting response."


def test_level_decides_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Below LOG_LEVEL nothing is written."""
    configure_logging(Settings(log_format="json", log_level="warning"))
    log = structlog.get_logger("ours")
    log.debug("no")
    log.info("no")
    log.warning("yes")
    log.error("yes too")
    assert [line["event"] for line in lines(capsys)] == ["yes", "yes too"]


def test_auto_is_json_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal the automatic form is for programs."""
    configure_logging(Settings())
    structlog.get_logger("ours").info("started")
    assert lines(capsys)[0]["event"] == "started"
