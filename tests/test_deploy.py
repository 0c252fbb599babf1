"""What is handed out for containers and clusters fits the code: settings, commands, ports."""

import asyncio
import configparser
import ipaddress
import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from app.asgi import create_app
from app.cli import app as commands
from app.resources import Resources
from app.settings import Settings
from app.stopping import MAX_DRAIN_SECONDS, STOP_SECONDS
from tests.served import serving

ROOT = Path(__file__).parents[1]
KUBERNETES = ROOT / "deploy" / "kubernetes"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {name.upper() for name in Settings.model_fields}
COMMANDS = {str(each.name or each.callback.__name__) for each in commands.registered_commands}  # type: ignore[union-attr]  # all of them have one
SECRETS = {"SECRET_KEY", "OPS_TOKEN"}
PINNED = re.compile(r"[\w./-]+:\d[\w.-]*")


def compose() -> dict[str, Any]:
    """The services of compose.yaml by their names, with what holds for all of them."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return whole


def manifests() -> list[dict[str, Any]]:
    """All objects of the example for clusters."""
    return [
        each
        for file in sorted(KUBERNETES.glob("*.yaml"))
        if file.name != "kustomization.yaml"
        for each in yaml.safe_load_all(file.read_text())
    ]


def of_kind(kind: str) -> list[dict[str, Any]]:
    """Those objects of it."""
    return [each for each in manifests() if each["kind"] == kind]


def containers() -> dict[str, dict[str, Any]]:
    """Each container with what its pod says, by its name."""
    specs = [each["spec"]["template"]["spec"] for each in of_kind("Deployment") + of_kind("Job")]
    return {spec["containers"][0]["name"]: {**spec["containers"][0], "pod": spec} for spec in specs}


OURS = {name: it for name, it in compose()["services"].items() if "appointment360" in it["image"]}


def test_settings_are_named_as_the_server_knows_them() -> None:
    """A name with a mistake in it would change nothing, and nobody would be told."""
    (config,), (secret,) = of_kind("ConfigMap"), of_kind("Secret")
    unit = (ROOT / "deploy" / "systemd" / "appointment360.service").read_text()
    (told,) = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)
    image = re.findall(r"^ +([A-Z_]+)=\S+", DOCKERFILE.partition("ENV PATH")[2], re.MULTILINE)
    named = {
        *(name for service in OURS.values() for name in service["environment"]),
        *config["data"],
        *secret["stringData"],
        *(each.partition("=")[0] for each in told.split()),
        *(name for name in image if not name.startswith("PYTHON")),
    }
    assert named <= SETTINGS
    assert {"ENVIRONMENT", "DATA_DIR", "DATABASE_URL"} <= named


def test_settings_of_the_examples_can_be_used() -> None:
    """Their values are such as the server takes."""
    (config,) = of_kind("ConfigMap")
    secret = dict.fromkeys(SECRETS, "x" * 40)
    for service in OURS.values():
        told = {name: it for name, it in service["environment"].items() if name not in SECRETS}
        Settings(_env_file=None, **{name.lower(): it for name, it in (told | secret).items()})
    settings = Settings(_env_file=None, **{k.lower(): v for k, v in config["data"].items()})
    assert settings.is_production
    assert settings.drain_seconds <= MAX_DRAIN_SECONDS


def test_no_secret_is_handed_out() -> None:
    """Each has to be filled in; without it nothing starts."""
    for service in OURS.values():
        for name in SECRETS:
            assert service["environment"][name].startswith(f"${{{name}:?")
        assert "${POSTGRES_PASSWORD:?" in service["environment"]["DATABASE_URL"]
    lines = (ROOT / "deploy" / "compose.env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert given == {"SECRET_KEY": "", "OPS_TOKEN": "", "POSTGRES_PASSWORD": ""}
    (secret,) = of_kind("Secret")
    assert set(secret["stringData"].values()) == {""}
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert "secret.example.yaml" not in listed
    assert all((KUBERNETES / name).is_file() for name in listed)


def test_images_are_named_by_their_versions() -> None:
    """What is tested today is what is started tomorrow."""
    services = compose()["services"]
    others = [service["image"] for name, service in services.items() if name not in OURS]
    assert others
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    for image in (*others, f"python:{base}"):
        assert PINNED.fullmatch(image), image
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:${PYTHON}"}


def test_commands_are_those_of_the_program() -> None:
    """Everywhere the first word says which."""
    unit = "\n".join(path.read_text() for path in (ROOT / "deploy" / "systemd").iterdir())
    asked = [
        *(service["command"] for service in OURS.values()),
        *(container["args"] for container in containers().values()),
        json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[0]),
        *([word] for word in re.findall(r"^Exec\w+=\S+/appointment360 (\w+)", unit, re.MULTILINE)),
    ]
    assert {words[0] for words in asked} == {"serve", "work", "migrate"} <= COMMANDS


def test_processes_have_the_time_they_need_to_stop() -> None:
    """Whoever stops them waits longer than they may take, and kills only then."""
    for service in OURS.values():
        assert float(service["stop_grace_period"].removesuffix("s")) > STOP_SECONDS
    for name in ("server", "worker"):
        assert containers()[name]["pod"]["terminationGracePeriodSeconds"] > STOP_SECONDS
    for path in (ROOT / "deploy" / "systemd").iterdir():
        (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.MULTILINE)
        assert float(seconds) > STOP_SECONDS
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE


def test_nothing_runs_as_root_or_writes_beside_its_folders() -> None:
    """The image has a user of its own, and its disk can be read-only."""
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)
    (folder,) = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    assert f"DATA_DIR={folder}\n" in DOCKERFILE
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["volumes"] == [f"files:{folder}"]
    for container in containers().values():
        assert container["pod"]["securityContext"]["runAsUser"] == int(user)
        assert container["pod"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert {each["mountPath"] for each in container["volumeMounts"]} == {folder, "/tmp"}  # noqa: S108  # a folder of the container


def test_image_has_all_packages_and_nothing_secret() -> None:
    """What is let into it is what the product is made of."""
    listed = (ROOT / ".dockerignore").read_text().splitlines()
    first, *let_in = [line for line in listed if line and not line.startswith("#")]
    assert first == "*"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {f"!{name.removesuffix('*')}" for name in packages} <= {*let_in}
    assert not {"!.env", "!.git", "!tests", "!docs"} & {*let_in}


def test_proxy_knows_the_servers_and_they_know_it() -> None:
    """Its upstreams are services; only what it says of clients is believed."""
    services = compose()["services"]
    nginx = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
    upstreams = re.findall(r"^ +server ([\w-]+):(\d+) ", nginx, re.MULTILINE)
    (port,) = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert upstreams == [("api-1", port), ("api-2", port)]
    assert str(Settings.model_fields["port"].default) == port
    address = services["proxy"]["networks"]["inside"]["ipv4_address"]
    network = compose()["networks"]["inside"]["ipam"]["config"][0]["subnet"]
    for name, _ in upstreams:
        service = services[name]
        assert service["command"][1:3] == ["--host", "0.0.0.0"]  # noqa: S104  # within the container
        assert service["environment"]["TRUSTED_PROXIES"] == address
        own = service["networks"]["inside"]["ipv4_address"]
        assert ipaddress.ip_address(own) in ipaddress.ip_network(network)
    (listens,) = re.findall(r"^ +listen (\d+);$", nginx, re.MULTILINE)
    assert services["proxy"]["ports"][0].endswith(f":{listens}")


def test_postgresql_takes_the_connections_of_all() -> None:
    """The pools of all processes together, and some for operators."""
    services = compose()["services"]
    (told,) = (word for word in services["postgres"]["command"] if "max_connections" in word)
    most = int(told.partition("=")[2])
    pools = [
        int(it["environment"]["DATABASE_POOL_SIZE"])
        + int(it["environment"]["DATABASE_MAX_OVERFLOW"])
        for name, it in OURS.items()
        if name != "migrate"
    ]
    assert sum(pools) + 10 * len(pools) < most - 10


def test_pooler_gives_transactions_connections_and_sessions_none() -> None:
    """As DATABASE_POOLER=transaction has it."""
    pooler = configparser.ConfigParser()
    pooler.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini")
    assert pooler["pgbouncer"]["pool_mode"] == "transaction"
    assert "ignore_startup_parameters" not in pooler["pgbouncer"]


async def test_probes_find_what_they_ask_for(resources: Resources) -> None:
    """The check of the image and the paths of the cluster, on a server; none where nobody is."""
    (check,) = re.findall(r"^HEALTHCHECK .* CMD \[(.*?)\]$", _joined(DOCKERFILE), re.MULTILINE)
    _, option, code = json.loads(f"[{check}]")
    server = containers()["server"]
    async with serving(create_app(resources)) as served:
        assert await _status(option, code, port=served.port) == 0
        async with httpx.AsyncClient(base_url=served.http) as http:
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                path = server[name]["httpGet"]["path"]
                assert (await http.get(path)).status_code == 200
            (monitor,) = of_kind("ServiceMonitor")
            answer = await http.get(monitor["spec"]["endpoints"][0]["path"])
            assert answer.status_code == 200
    assert await _status(option, code, port=served.port) != 0
    (port,) = server["ports"]
    assert server["readinessProbe"]["httpGet"]["port"] == port["name"]
    assert str(port["containerPort"]) in re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="There is no kubectl here.")
async def test_cluster_example_is_put_together() -> None:
    """By the program that applies it, without a cluster."""
    process = await asyncio.create_subprocess_exec(
        "kubectl", "kustomize", str(KUBERNETES), stdout=asyncio.subprocess.PIPE
    )
    written, _ = await process.communicate()
    assert process.returncode == 0
    made = list(yaml.safe_load_all(written))
    assert {each["metadata"]["namespace"] for each in made} == {"appointment360"}
    images = re.findall(r"image: (\S+)", written.decode())
    assert len(images) == 3
    assert all(PINNED.fullmatch(image) for image in images)


def _joined(text: str) -> str:
    """Lines that go on in the next one, as one."""
    return re.sub(r"\\\n\s*", "", text)


async def _status(*words: str, port: int) -> int:
    environment = {**os.environ, "PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        env=environment,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
