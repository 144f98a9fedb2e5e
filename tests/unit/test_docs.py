"""The documentation holds together, and names what is there."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from triptych.cli.lazy import load
from triptych.cli.main import COMMANDS
from triptych.core.settings import Encoders, Settings
from triptych.encoders.registry import encoders
from triptych.queues.jobs import QUEUES, task_name

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = [ROOT, *(ROOT / root / "triptych" for root in ("shared", "services", "workers"))]
FOLDERS += [ROOT / "deploy/local/triptych"]
TASKS = [task_name(queue) for queue in QUEUES]
TOPS = {folder.name for place in FOLDERS for folder in place.iterdir() if folder.is_dir()}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def spans(page: Path) -> list[str]:
    """The inline code of a page."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text("utf-8"))


def code(page: Path) -> str:
    """All code of a page: inline and in blocks."""
    text = page.read_text("utf-8")
    return "\n".join(
        [*spans(page), *re.findall(r"^```.*?\n(.+?)^```", text, re.DOTALL | re.MULTILINE)]
    )


@each_page
def test_a_page_is_whole(page):
    """No gap was left to be filled, and what it links to is there, headings included."""
    text = page.read_text("utf-8")
    assert "@@" not in text
    for link, heading in re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)", text):
        target = page.parent / link if link else page
        assert target.exists(), link
        if heading:
            assert heading in anchors(target), f"{link}{heading}"


def anchors(page: Path) -> list[str]:
    """The headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return ["#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


@each_page
def test_files_and_modules_are_there(page):
    """Files by their path, from the top or within the package; modules by their dotted name."""
    for name in spans(page):
        path = name.partition(":")[0]
        is_file = re.fullmatch(r"[\w./-]+\.(py|toml|md|yml)", path) and "/" in path
        if is_file or (path.endswith("/") and path.partition("/")[0] in TOPS):
            assert any((folder / path).exists() for folder in FOLDERS), name
    for name in re.findall(r"\btriptych(?:\.[a-z_]+)+", code(page)):
        if name not in TASKS and not name.endswith((".env", ".example")):
            assert is_module(name), name


def is_module(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, not a package
        return find_spec(name.rpartition(".")[0]) is not None


@each_page
def test_commands_are_there(page):
    """Targets of make, and commands of triptych with their long options."""
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    commands = {command.name: command for command in COMMANDS}
    for target in re.findall(r"^make ([a-z]+)", code(page), re.MULTILINE):
        assert target in targets, f"make {target}"
    for name, rest in re.findall(r"^(?:\$ )?triptych ([a-z]+)(.*)", code(page), re.MULTILINE):
        assert name in commands, f"triptych {name}"
        command = load(commands[name])
        if group := getattr(command, "commands", None):
            command = group[rest.split()[0]]
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        for option in re.findall(r"(?<=\s|\[)(--[a-z][a-z-]*)", rest.partition(" #")[0]):
            assert option in known, f"triptych {name} {option}"


def test_every_encoder_and_its_setting_are_in_the_docs():
    """In the row of each setting that may name it."""
    page = (ROOT / "docs/encoders.md").read_text("utf-8")
    for role in Encoders.model_fields:
        (row,) = re.findall(rf"^\| `TRIPTYCH_ENCODER_{role.upper()}` \|.*", page, re.MULTILINE)
        named = {name.partition("@")[0] for name in re.findall(r"`([a-z0-9-]+(?:@…)?)`", row)}
        able = {name for name, entry in encoders().items() if role in entry.roles}
        assert named & set(encoders()) >= able, role


def test_every_page_is_in_the_index():
    """Those in folders, too; of the decisions the folder."""
    index = (ROOT / "docs/README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)(?:#[^)]+)?\)", index))
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        known = name == "README.md" or {name, name.partition("/")[0] + "/"} & linked
        assert known, f"docs/README.md does not link to {name}"


def test_every_setting_is_in_the_docs():
    """With its default and meaning in a row of a table, or in a sentence where it matters."""
    names = {name for page in PAGES for name in re.findall(r"TRIPTYCH_[A-Z_]+[A-Z]", code(page))}
    assert sorted(settings_of(Settings) - names) == []


def settings_of(model: type[BaseSettings]) -> set[str]:
    """The variables of the settings, and of those within them."""
    found = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            found |= settings_of(field.annotation)
        else:
            found.add(f"{model.model_config['env_prefix']}{name}".upper())
    return found


def test_every_task_is_in_the_docs():
    """A row for each queue: its task, and what it does."""
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(triptych\.\w+)` \| .+ \|$", page, re.MULTILINE)
    assert rows == list(zip(QUEUES, TASKS, strict=True))
