"""The compose file and the Dockerfile keep their promises, checked without an engine."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from triptych.core.settings import Settings
from triptych.local.distribution import VERSION
from triptych.local.options import WORKER_KINDS
from triptych.workers.__main__ import KINDS

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
# Read by the start-up code itself, not a setting of the application.
NOT_SETTINGS = {"TRIPTYCH_READY_FILE"}


SECRET = "0123456789abcdef" * 3


def with_defaults(text: str) -> str:
    """Compose's ``${NAME:-default}`` with no variable set, and what has none with a secret."""
    text = re.sub(r"\$\{\w+:?\?[^}]*\}", SECRET, text)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def stages(text: str) -> dict[str, str]:
    """The Dockerfile's stages by name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {name: f"{base}\n{body}" for base, name, body in zip(*[iter(parts)] * 3, strict=True)}


STACK: dict[str, Any] = yaml.safe_load(with_defaults(COMPOSE.read_text()))
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
STAGES = stages(DOCKERFILE)
WORKERS = [f"worker-{kind}" for kind in WORKER_KINDS]
OURS = ["gateway", *WORKERS]
every_service = pytest.mark.parametrize("name", SERVICES)
every_worker = pytest.mark.parametrize("name", WORKERS)
each_of_ours = pytest.mark.parametrize("name", OURS)


def stage_of(name: str) -> str:
    """The Dockerfile stage that a service is built from."""
    return STAGES[SERVICES[name]["build"]["target"]]


def test_all_parts_are_there():
    """Two stores, the gateway and one worker per kind that exists."""
    assert set(SERVICES) == {"redis", "elasticsearch", *OURS}
    assert set(WORKER_KINDS) == set(KINDS)


@every_service
def test_a_service_is_confined(name):
    """No capabilities, no way to more rights, bounded memory and processes."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] > 0
    assert service["restart"] == "unless-stopped"


@every_service
def test_a_service_is_not_root(name):
    """The user is a number that is not 0, in the compose file or in the image that we build."""
    if "build" in SERVICES[name]:
        found = re.search(r"^USER (\d+)", STAGES["runtime"], re.MULTILINE)
        assert stage_of(name).startswith("runtime\n")
        user = found[1] if found else "0"
    else:
        user = SERVICES[name]["user"].partition(":")[0]
    assert int(user) > 0


@every_service
def test_a_service_says_when_it_is_healthy(name):
    """Those that wait for it need a check, its own or its image's."""
    assert "healthcheck" in SERVICES[name] or "\nHEALTHCHECK " in stage_of(name)


@every_service
def test_only_elasticsearch_may_write_to_its_image(name):
    """The others have a read-only root and a temporary folder in memory."""
    if name != "elasticsearch":
        assert SERVICES[name]["read_only"] is True
        assert any(place.startswith("/tmp") for place in SERVICES[name]["tmpfs"])  # noqa: S108


@every_service
def test_images_are_pinned(name):
    """An image has a tag other than latest; Elasticsearch is the version of the local stack."""
    image = SERVICES[name].get("image", "built:here")
    assert image.rpartition(":")[2] not in {"", "latest"}
    assert ":" in image
    if name == "elasticsearch":
        assert image.endswith(f":{VERSION}")


def test_only_the_gateway_is_published_on_this_machine_only():
    """No other service has a port on the host."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["gateway"]
    assert all(port.startswith("127.0.0.1:") for port in published["gateway"])


def test_the_stores_have_passwords():
    """And those that ask them know these; none is in the file."""
    redis, elastic = SERVICES["redis"], SERVICES["elasticsearch"]
    assert f"--requirepass {SECRET}" in redis["command"]
    assert redis["environment"] == {"REDISCLI_AUTH": SECRET}
    assert elastic["environment"]["xpack.security.enabled"] == "true"
    assert elastic["environment"]["ELASTIC_PASSWORD"] == SECRET
    assert '-u "elastic:$$ELASTIC_PASSWORD"' in elastic["healthcheck"]["test"][1]
    for name in OURS:
        settings = SERVICES[name]["environment"]
        assert urlsplit(settings["TRIPTYCH_REDIS_URL"]).password == SECRET
        assert urlsplit(settings["TRIPTYCH_INDEX_URL"]).username == "elastic"
        assert urlsplit(settings["TRIPTYCH_INDEX_URL"]).password == SECRET
    holders = [name for name in OURS if "TRIPTYCH_ADMIN_KEY" in SERVICES[name]["environment"]]
    assert holders == ["gateway"]
    needed = set(re.findall(r"\$\{(\w+):?\?", COMPOSE.read_text()))
    assert needed == set(names_of_secrets())


def names_of_secrets() -> list[str]:
    """What ``make secrets`` makes."""
    return re.findall(r'"([A-Z_]+)"', (ROOT / "deploy/make_secrets.py").read_text())


def test_secrets_are_made_once(tmp_path):
    """For their owner alone; what is there stays, and what is missing is added."""
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nREDIS_PASSWORD=mine")
    file.chmod(0o644)

    def make() -> dict[str, str]:
        command = [sys.executable, str(ROOT / "deploy/make_secrets.py"), str(file)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = dict(line.split("=") for line in file.read_text().splitlines())
        assert not any(value in said for name, value in found.items() if name != "PORT")
        return found

    first = make()
    assert first["PORT"] == "9000"
    assert first["REDIS_PASSWORD"] == "mine"  # noqa: S105
    assert set(first) == {"PORT", *names_of_secrets()}
    assert len(set(first.values())) == len(first)
    assert len(Settings(admin_key=first["TRIPTYCH_ADMIN_KEY"]).admin_secret) == 48
    assert file.stat().st_mode & 0o777 == 0o600
    assert make() == first
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert ".env" in ignored


def test_what_has_no_password_has_no_way_in():
    """The stores, and the workers that decode strangers' files, are on the inner network only."""
    assert STACK["networks"]["inside"]["internal"] is True
    for name in ("redis", "elasticsearch", *WORKERS):
        assert SERVICES[name]["networks"] == ["inside"]
    assert "network_mode" not in str(SERVICES)


@every_worker
def test_a_worker_can_be_multiplied(name):
    """Nothing in it may exist only once on a host."""
    once = {"container_name", "ports", "hostname", "mac_address"}
    assert not once & set(SERVICES[name])


@every_worker
def test_a_worker_runs_its_own_kind(name):
    """What is installed and what is started belong together."""
    kind = name.removeprefix("worker-")
    assert SERVICES[name]["command"][0] == kind
    extra = {"plan": "fusion"}.get(kind, kind)  # the planner needs no package of its own
    assert SERVICES[name]["build"]["args"]["EXTRA"] == extra
    assert SERVICES[name]["build"]["target"] == "worker"


@each_of_ours
def test_it_waits_for_the_stores(name):
    """A start order, not a race."""
    healthy = {"condition": "service_healthy"}
    assert SERVICES[name]["depends_on"] == {"redis": healthy, "elasticsearch": healthy}


@each_of_ours
def test_every_variable_is_a_setting(name):
    """A renamed setting must not leave a variable that nobody reads."""
    fields = {f"TRIPTYCH_{field}".upper() for field in Settings.model_fields}
    in_image = set(re.findall(r"\bTRIPTYCH_\w+(?==)", DOCKERFILE))
    assert set(SERVICES[name]["environment"]) <= fields
    assert in_image <= fields | NOT_SETTINGS


@each_of_ours
def test_its_settings_lead_to_the_services(name, monkeypatch):
    """The URLs name services of this file, and media lies on the shared volume."""
    for key, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert urlsplit(settings.redis_url).hostname == "redis"
    assert urlsplit(settings.index_url).hostname == "elasticsearch"
    mounts = dict(place.split(":")[:2] for place in SERVICES[name]["volumes"])
    assert mounts["media"] == urlsplit(settings.media_url).path
    assert [Path(mounts["./import"])] == list(settings.import_roots)
    made = re.search(r"install --directory --owner=triptych \S+ (.*)\n", STAGES["runtime"])
    assert made is not None
    owned = {mounts["media"], mounts["scratch"]}
    assert set(made[1].split()) == owned, "made in the image, so owned by its user"
    assert f"TMPDIR={mounts['scratch']} " in STAGES["runtime"]


def test_volumes_are_declared_and_used():
    """Each named volume is mounted, each mounted name is declared."""
    places = [place for service in SERVICES.values() for place in service["volumes"]]
    assert {place.partition(":")[0] for place in places} - {"./import"} == set(STACK["volumes"])


@each_of_ours
def test_what_is_built_exists(name):
    """Its Dockerfile, the extra in pyproject.toml and that extra's lock."""
    build = SERVICES[name]["build"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / build["context"] / build["dockerfile"]).is_file()
    assert build["args"]["EXTRA"] in project["optional-dependencies"]
    lock = ROOT / "requirements" / f"{build['args']['EXTRA']}.txt"
    assert "--hash=sha256:" in lock.read_text()


def test_libraries_are_installed_by_hash_only():
    """Nothing that is not in the lock gets into the image."""
    installs = re.findall(r"^RUN pip install (.*)$", DOCKERFILE, re.MULTILINE)
    assert installs == ["--require-hashes --no-deps -r requirements.txt", "--no-deps ."]


def test_what_is_copied_reaches_the_builder():
    """Each file that the Dockerfile copies exists, and .dockerignore lets it through."""
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert sources
    for source in sources:
        pattern = source.replace("${EXTRA}", "*")
        assert any(entry == pattern or entry.startswith(f"{pattern}/") for entry in allowed)
        assert list(ROOT.glob(pattern)), source


def has_compose() -> bool:
    """Whether the compose plugin is installed; it needs no engine to check a file."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0  # noqa: PLW1510


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed")
def test_compose_itself_accepts_it():
    """The real parser and its schema."""
    command = ["docker", "compose", "-f", str(COMPOSE), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
