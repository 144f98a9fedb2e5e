"""The list of parts and what each is told."""

import os
from pathlib import Path

import pytest
import yaml

from triptych.core.settings import Settings
from triptych.local import elasticsearch, options, parts, valkey
from triptych.local.errors import StackError
from triptych.local.options import PART_NAMES, StackOptions, stack_home
from triptych.local.parts import Part, child_env, waves
from triptych.local.ports import Ports
from triptych.local.state import last_index, remember_index

PORTS = Ports(gateway=9000, valkey=9001, search=9002, transport=9003)
PYTHON_PARTS = tuple(n for n in PART_NAMES if n not in {"elasticsearch", "worker-train"})


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(options, "find_spec", lambda _: None)


def build(**choice: object) -> dict[str, Part]:
    """The parts that need no Java."""
    options = StackOptions(parts=PYTHON_PARTS, **choice)
    made = parts.build(options, PORTS, pause=lambda _: None, say=lambda _: None)
    return {part.name: part for part in made}


def dummy(name: str, *needs: str) -> Part:
    """A part that only has a place in the order."""
    return Part(name, ["true"], {}, Path("log"), lambda: True, needs=needs)


def names(groups: list[list[Part]]) -> list[list[str]]:
    """The names in each group."""
    return [[part.name for part in group] for group in groups]


def test_stores_come_before_the_rest():
    """Workers and the gateway start together, after both stores."""
    order = waves([*build().values(), dummy("elasticsearch")])
    assert sorted(names(order)[0]) == ["elasticsearch", "valkey"]
    assert len(order) == 2


def test_models_are_trained_where_tensorflow_is(monkeypatch, tmp_path):
    """In this environment, or in one that the worker is given."""
    chosen = StackOptions(index="embedded").chosen_parts
    assert "worker-train" not in chosen
    given = StackOptions(index="embedded", pythons={"worker-train": tmp_path})
    monkeypatch.setattr(options, "find_spec", lambda name: name == "tensorflow" or None)
    for one in (given, StackOptions(index="embedded")):
        assert set(one.chosen_parts) - set(chosen) == {"worker-train"}


def test_absent_needs_do_not_count():
    """A part whose need is not chosen starts at once."""
    assert names(waves([dummy("a", "absent"), dummy("b", "a")])) == [["a"], ["b"]]


def test_a_circle_is_refused():
    """Two parts that need each other could never start."""
    with pytest.raises(ValueError, match="a, b"):
        waves([dummy("a", "b"), dummy("b", "a")])


def test_every_variable_for_the_children_is_a_setting(tmp_path):
    """A renamed setting must not leave a variable that nobody reads."""
    environ = child_env(StackOptions(import_roots=(tmp_path,)), PORTS)
    ours = {key for key in environ if key.startswith("TRIPTYCH_") and key not in os.environ}
    known = {f"TRIPTYCH_{name}".upper() for name in Settings.model_fields}
    assert ours == {
        "TRIPTYCH_REDIS_URL",
        "TRIPTYCH_INDEX_URL",
        "TRIPTYCH_MEDIA_URL",
        "TRIPTYCH_IMPORT_ROOTS",
    }
    assert ours <= known


def test_the_children_are_pointed_at_this_stack(tmp_path, monkeypatch):
    """Settings read from that environment name this stack's servers, not the caller's."""
    monkeypatch.setenv("TRIPTYCH_REDIS_URL", "redis://elsewhere")
    (tmp_path / "in").mkdir()
    options = StackOptions(
        name="x", import_roots=(tmp_path / "in",), env={"TRIPTYCH_CHUNK_ITEMS": "4"}
    )
    for key, value in child_env(options, PORTS).items():
        monkeypatch.setenv(key, value)
    settings = Settings()
    assert settings.redis_url == "redis://127.0.0.1:9001/0"
    assert settings.index_url == "http://127.0.0.1:9002"
    assert settings.media_url == (tmp_path / "triptych/stacks/x/media").as_uri()
    assert settings.import_roots == ((tmp_path / "in").resolve(),)
    assert settings.chunk_items == 4


def test_with_the_embedded_index_nothing_of_elasticsearch_is_looked_for(monkeypatch):
    """Neither Java nor the distribution: the parts are Valkey, the workers and the gateway."""
    for name in ("find_java", "unprivileged", "open_cache"):
        monkeypatch.setattr(parts, name, lambda *_: pytest.fail("looked for Elasticsearch"))
    options = StackOptions(index="embedded")
    made = parts.build(options, PORTS, pause=lambda _: None, say=lambda _: None)
    assert tuple(part.name for part in made) == PYTHON_PARTS == options.chosen_parts


def test_the_embedded_index_lies_in_the_stacks_folder(tmp_path):
    """Beside its media, so that each stack has an index of its own."""
    environ = child_env(StackOptions(name="x", index="embedded"), PORTS)
    assert environ["TRIPTYCH_INDEX_URL"] == (tmp_path / "triptych/stacks/x/index").as_uri()


def test_each_worker_has_its_own_ready_file():
    """A file of an earlier run is removed, and readiness is its return."""
    workers = [part for name, part in build(image_workers=3).items() if name.startswith("worker")]
    files = [Path(part.env["TRIPTYCH_READY_FILE"]) for part in workers]
    assert len(set(files)) == 5
    for part, file in zip(workers, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        assert part.ready()
        part.prepare()
        assert not part.ready()


def test_only_the_image_worker_has_many_processes():
    """The choice of processes concerns images."""
    counts = {
        name: part.command[-1] for name, part in build(image_workers=3).items() if "worker" in name
    }
    assert counts == {
        "worker-image": "3",
        "worker-text": "1",
        "worker-audio": "1",
        "worker-fusion": "1",
        "worker-plan": "1",
    }


def test_the_gateway_binds_loopback():
    """Nobody but this machine reaches the stack."""
    command = build()["gateway"].command
    assert command[command.index("--bind") + 1] == "127.0.0.1:9000"


def test_valkey_never_evicts_and_logs_every_write(tmp_path):
    """Queued work survives a restart and is never dropped for memory."""
    command = valkey.command(Path("/bin/server"), port=9001, folder=tmp_path)
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--bind"] == "127.0.0.1"
    assert (options["--appendonly"], options["--appendfsync"]) == ("yes", "everysec")
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--dir"] == str(tmp_path)


def test_elasticsearch_settings_are_yaml(tmp_path):
    """The file is read back as what was meant, also with a quote in the path."""
    folder = tmp_path / "it's here: yes"
    settings = yaml.safe_load(elasticsearch.settings_text("x", PORTS, folder))
    assert settings["path.data"] == str(folder / "data")
    assert settings["network.host"] == "127.0.0.1"
    assert (settings["http.port"], settings["transport.port"]) == (9002, 9003)
    assert settings["discovery.type"] == "single-node"
    assert settings["xpack.security.enabled"] is False


def test_elasticsearch_sees_few_variables(tmp_path):
    """Secrets of the caller don't reach a server that runs as somebody else."""
    environ = {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "JAVA_HOME": "/old"}
    env = elasticsearch.environment(java=Path("/j"), folder=tmp_path, heap="512m", environ=environ)
    assert env["PATH"] == "/bin"
    assert env["ES_JAVA_HOME"] == "/j"
    assert env["ES_JAVA_OPTS"] == "-Xms512m -Xmx512m -XX:-UsePerfData"
    assert not {"AWS_SECRET_ACCESS_KEY", "JAVA_HOME"} & set(env)


def test_configuration_is_made_anew_and_data_kept(tmp_path):
    """A second start finds its data, and no setting of an earlier one."""
    distribution, folder = tmp_path / "es", tmp_path / "node"
    (distribution / "config").mkdir(parents=True)
    (distribution / "config" / "jvm.options").touch()
    for name in ("first", "second"):
        elasticsearch.configure(distribution, folder, name=name, ports=PORTS, account=None)
        (folder / "data" / name).touch()
        (folder / "config" / name).touch()
    assert {path.name for path in (folder / "data").iterdir()} == {"first", "second"}
    assert {path.name for path in (folder / "config").iterdir()} == {
        "jvm.options",
        "elasticsearch.yml",
        "second",
    }
    assert "triptych-second" in (folder / "config" / "elasticsearch.yml").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../x"},
        {"name": ""},
        {"port": 65_534},
        {"port": -1},
        {"image_workers": 0},
        {"heap": "1 GB"},
        {"index": "solr"},
        {"parts": ("gatewya",)},
        {"import_roots": (Path("/no/such/folder"),)},
    ],
)
def test_wrong_options_are_refused(wrong):
    """Each wrong choice is an error before anything starts."""
    with pytest.raises(StackError):
        StackOptions(**wrong)


def test_names_separate_stacks():
    """Each name has its own folder."""
    assert stack_home("a") != stack_home("b")
    assert StackOptions(name="a").home == stack_home("a")


def test_a_folder_of_data_is_the_home_of_a_stack(tmp_path, monkeypatch):
    """With the layout that an engine gives it; it is never deleted."""
    monkeypatch.chdir(tmp_path)
    options = StackOptions(data=Path("shelf"), index="embedded", port=0)
    settings = Settings.of_folder(tmp_path / "shelf")
    assert options.home == tmp_path / "shelf"
    env = child_env(options, PORTS)
    assert env["TRIPTYCH_MEDIA_URL"] == settings.media_url
    assert env["TRIPTYCH_INDEX_URL"] == settings.index_url
    with pytest.raises(StackError, match="delete shelf"):
        StackOptions(data=Path("shelf"), fresh=True)


def test_a_folder_that_an_engine_has_filled_has_the_embedded_index(tmp_path):
    """Whatever a stack had before is remembered instead."""
    assert last_index(tmp_path) is None
    (tmp_path / "index").mkdir()
    assert last_index(tmp_path) == "embedded"
    remember_index(tmp_path, "elastic")
    assert last_index(tmp_path) == "elastic"
