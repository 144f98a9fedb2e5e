"""Finding a Java that Elasticsearch starts with."""

from pathlib import Path

import pytest

from triptych.local.errors import MissingTool
from triptych.local.java import Runtime, candidates, find_java, parse_modules


def java_home(folder: Path, listing: str, exit_code: int = 0) -> Path:
    """A home whose ``java`` prints a listing, whatever it is asked."""
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\ncat <<'END'\n{listing}\nEND\nexit {exit_code}\n")
    binary.chmod(0o755)
    return folder


def listing(version: int, *, vector: bool = True) -> str:
    """What ``java --list-modules`` of that version prints."""
    module = f"jdk.incubator.vector@{version}.0.1\n" if vector else ""
    return f"java.base@{version}.0.1\njava.logging@{version}.0.1\n{module}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (listing(21), Runtime(21, has_vector=True)),
        (listing(25, vector=False), Runtime(25, has_vector=False)),
        ("java.base@22-ea\njdk.incubator.vector@22-ea", Runtime(22, has_vector=True)),
        ("x.java.base@30\nmy.jdk.incubator.vector.extra@1", Runtime(0, has_vector=False)),
        ("", Runtime(0, has_vector=False)),
    ],
)
def test_modules_are_read(text, expected):
    """Version and vector module come from whole module names only."""
    assert parse_modules(text) == expected


@pytest.mark.parametrize(
    ("runtime", "fits"),
    [
        (Runtime(21, has_vector=True), True),
        (Runtime(20, has_vector=True), False),
        (Runtime(21, has_vector=False), False),
    ],
)
def test_what_fits(runtime, fits):
    """Both the version and the module are needed."""
    assert runtime.fits is fits


def test_the_users_choice_comes_first(tmp_path):
    """ES_JAVA_HOME is asked before JAVA_HOME, both before installed ones."""
    environ = {"JAVA_HOME": "/b", "ES_JAVA_HOME": "/a", "PATH": ""}
    (tmp_path / "jdk").mkdir()
    assert list(candidates(environ, [tmp_path])) == [Path("/a"), Path("/b"), tmp_path / "jdk"]


def test_an_old_java_is_passed_over(tmp_path):
    """An unfit JAVA_HOME does not hide a fit installed one."""
    old = java_home(tmp_path / "old", listing(17))
    new = java_home(tmp_path / "jvm" / "new", listing(21))
    environ = {"JAVA_HOME": str(old), "PATH": ""}
    assert find_java(None, environ, [tmp_path / "jvm"]) == new


def test_a_missing_java_says_what_to_install(tmp_path):
    """The message names the version, the module, the way out and what was found."""
    old = java_home(tmp_path / "old", listing(17))
    bare = java_home(tmp_path / "jvm" / "bare", listing(21, vector=False))
    broken = java_home(tmp_path / "jvm" / "broken", "no modules in Java 8", exit_code=1)
    with pytest.raises(MissingTool) as error:
        find_java(None, {"ES_JAVA_HOME": str(old), "PATH": ""}, [tmp_path / "jvm"])
    text = str(error.value)
    assert error.value.exit_code == 2
    assert "\n" not in text
    assert "Java 21 or newer with the module jdk.incubator.vector" in text
    assert f"{old}: Java 17" in text
    assert f"{bare}: Java 21 without jdk.incubator.vector" in text
    assert f"{broken}: does not run" in text
