"""Documentation runs: what a page shows is what happens.

The blocks of a page share a folder and a namespace and are taken in order:

- ``python`` is executed.
- ``console`` holds lines ``$ mesophyll ...``, which are run, and below each what it prints: ``...`` stands for anything,
  and a line ``Error: ...`` says that the command must fail with it. What is not shown is not compared.
- ``toml`` is written to the file that its first line names: ``# plan.toml``.
- ``bash`` begins with the line ``# not run in tests`` and holds only commands of `NOT_RUN`: what installs things, runs
  this suite, or takes hours.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from typer.main import get_command

import mesophyll
from conftest import run
from mesophyll import io, representations, traits
from mesophyll.cli import app
from mesophyll.phantom import KINDS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

NOT_RUN = {"make", "git", "cd", "python", "pip", "source"}
"""How a line that no test runs may begin."""

LANGUAGES = {"python", "console", "toml", "bash", "text"}

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    language: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found[1].startswith("{"):  # a directive of Sphinx
            continue
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 2)


def told() -> ModuleType:
    """Return the part of the documentation that the code tells itself."""
    spec = importlib.util.spec_from_file_location("told", DOCS / "told.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(page: str) -> str:
    return str(told().filled((DOCS / page).read_text(encoding="utf-8")))


# --- what stands in blocks ---------------------------------------------------------------------------------------------


class Page:
    """A page being read from top to bottom, by someone who types what it says."""

    def __init__(self, path: Path) -> None:
        self.path, self.names = path, {"__name__": "__main__"}

    def do(self, block: Block) -> None:
        getattr(self, f"_{block.language}")(block)

    def _python(self, block: Block) -> None:
        lines = "\n" * (block.line - 1)  # so that an error names the line of the page
        exec(compile(lines + block.text, str(self.path), "exec"), self.names)

    def _console(self, block: Block) -> None:
        for command, shown in commands(block.text):
            words = shlex.split(command, comments=True)
            assert words[0] == "mesophyll", command
            result = run(*words[1:])
            fails = shown.startswith("Error:")
            assert (result.exit_code != 0) == fails, f"$ {command}\n{result.output}"
            self._compare(command, shown, result.stderr if fails else result.stdout)

    def _compare(self, command: str, shown: str, printed: str) -> None:
        pattern = ".*".join(re.escape(part) for part in " ".join(shown.split()).split("..."))
        assert re.search(pattern, " ".join(printed.split())), f"$ {command}\nprints\n{printed}\nand not\n{shown}"

    def _toml(self, block: Block) -> None:
        first = block.text.splitlines()[0]
        name = re.fullmatch(r"# (\w+\.toml)", first)
        assert name, f"{self.path.name}, line {block.line}: the first line names the file"
        Path(name[1]).write_text(block.text, encoding="utf-8")

    def _bash(self, block: Block) -> None:
        """Nothing is run; `test_what_is_not_run_is_listed` reads these."""

    def _text(self, block: Block) -> None:
        """Nothing to be done: it is to be looked at."""


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with what is shown below it."""
    assert text.startswith("$ "), "a console block begins with a command"
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown.strip()


RUN = [page for page in PAGES if any(block.language in ("python", "console", "toml") for block in blocks(page))]


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.name)
def test_a_page_does_what_it_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = Page(path)
    for block in blocks(path):
        page.do(block)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_is_of_a_kind_that_is_looked_after(path: Path) -> None:
    kinds = {block.language for block in blocks(path)}
    assert kinds <= LANGUAGES
    if path.name in ("README.md", "tutorial.md"):
        assert {"python", "console"} <= kinds


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_is_not_run_is_listed(path: Path) -> None:
    for block in blocks(path):
        if block.language != "bash":
            continue
        first, *lines = block.text.splitlines()
        assert first == "# not run in tests"
        for line in lines:
            words = shlex.split(line, comments=True)
            assert not words or words[0] in NOT_RUN, f"{path.name}, line {block.line}: {line}"


# --- the test itself ---------------------------------------------------------------------------------------------------


def told_by(text: str, tmp_path: Path) -> Page:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    page = Page(path)
    for block in blocks(path):
        page.do(block)
    return page


def test_blocks_share_names_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = told_by(
        "```python\na = 1\n```\n\n```toml\n# a.toml\nb = 2\n```\n\n```python\nc = a, open('a.toml').read()\n```\n",
        tmp_path,
    )
    assert page.names["c"] == (1, "# a.toml\nb = 2\n")


@pytest.mark.parametrize(
    "text",
    [
        "```python\n1 / 0\n```\n",
        "```console\n$ mesophyll info missing.tif\n```\n",
        "```console\n$ mesophyll models\nError: there are none\n```\n",
        "```console\n$ mesophyll --version\nmesophyll 99\n```\n",
        "```console\n$ rm -r leaf\n```\n",
        "```console\nmesophyll models\n```\n",
        "```toml\nseed = 1\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_caught(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ZeroDivisionError)):
        told_by(text, tmp_path)


# --- what must be told -------------------------------------------------------------------------------------------------


def test_every_public_name_is_in_the_api_page() -> None:
    shown = set(re.findall(r"^\.\. auto\w+:: ([\w.]+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE))
    wanted = {f"mesophyll.{name}" for name in mesophyll.__all__ if name != "__version__"}
    wanted |= {f"mesophyll.representations.{kind.__name__}" for kind in representations.REPRESENTATIONS.values()}
    assert wanted <= shown


@pytest.mark.parametrize("name", sorted(get_command(app).commands))
def test_every_verb_and_its_options_are_in_the_cli_page(name: str) -> None:
    page = filled("cli.md")
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section
    shown = run(name, "--help").stdout
    for option in set(re.findall(r"--[a-z]+", shown)) - {"--help", "--quiet", "--debug"}:
        assert option in section[1], option
    for option in ("--help", "--quiet", "--debug"):
        assert option in page
    assert f"mesophyll {name}" in section[1]


def test_every_verb_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"mesophyll {name}" in readme for name in get_command(app).commands)


def test_pages_ask_only_for_what_the_code_tells_and_all_of_that_is_asked_for() -> None:
    asked = {mark for page in PAGES for mark in re.findall(r"told by the code: ([\w ]+) -->", page.read_text("utf-8"))}
    assert asked == set(told().TOLD)


def test_tables_are_complete() -> None:
    assert all(f"`{suffix}`" in filled("formats.md") for suffix in io.FORMATS)
    assert all(f"`{column}`" in filled("traits.md") for column in traits.COLUMNS)
    assert all(f"`{kind}`" in filled("phantom.md") for kind in KINDS)
    assert "<!--" not in filled("traits.md")


def test_a_plan_is_told_as_a_file_that_gives_the_defaults_back(tmp_path: Path) -> None:
    from mesophyll.settings import read_toml
    from mesophyll.training import TrainingPlan

    text = told().TOLD["training plan"]()
    (tmp_path / "plan.toml").write_text(text.removeprefix("```text\n").removesuffix("```"), encoding="utf-8")
    assert read_toml(TrainingPlan, tmp_path / "plan.toml") == TrainingPlan()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        page, _, anchor = target.partition("#")
        aim = path.parent / page if page else path
        assert aim.exists(), f"{path.name} points to {target}"
        assert not anchor or anchor in anchors(aim), f"{path.name} points to {target}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page and of those that it includes, as GitHub and MyST make them."""
    text = page.read_text(encoding="utf-8")
    included = [anchors(page.parent / name) for name in re.findall(r"^```{include} (\S+)$", text, re.MULTILINE)]
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}.union(*included)


@pytest.mark.slow
def test_the_documentation_is_built_without_a_warning(tmp_path: Path) -> None:
    build = pytest.importorskip("sphinx.cmd.build", reason="sphinx is not installed")
    assert build.build_main(["-W", "--keep-going", "-q", str(DOCS), str(tmp_path / "html")]) == 0
