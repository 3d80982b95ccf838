"""The house rules that no linter knows: sizes, docstrings, dead modules, words and addresses that must not stand here."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "brigade").rglob("*.py"))

MOST_LINES = 400
MOST_FUNCTION_LINES = 70

# Loaded by name and not by an import statement.
ENTRY_POINTS = {"brigade", "brigade.__main__", "brigade.supervisor", "brigade.cli.main", "brigade.gateway.app"}
LOADED_BY_NAME = re.compile(r"brigade\.(cli\.\w+|state\.migrations\..*|testing\..*)")


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what is tracked cannot be known")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_module_is_long():
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert not {name: count for name, count in lines.items() if count > MOST_LINES}


def test_functions_fit_on_a_screen():
    long = [
        f"{name_of(path)}.{node.name} has {length} lines"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]
    assert not long


def test_each_module_says_what_it_is():
    # An empty __init__ has nothing to say.
    silent = [
        name_of(path)
        for path in MODULES
        if path.read_text(encoding="utf-8").strip() and not ast.get_docstring(tree_of(path))
    ]
    assert not silent


def imported_modules() -> set[str]:
    """Every name that some module of the package imports, with what is taken from it."""
    names: set[str] = set()
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_no_module_is_dead():
    names = imported_modules()
    dead = [
        name
        for path in MODULES
        if path.name != "__init__.py"
        and (name := name_of(path)) not in names
        and name not in ENTRY_POINTS
        and not LOADED_BY_NAME.fullmatch(name)
    ]
    assert not dead


def test_every_verb_module_is_a_verb():
    from brigade.cli.main import VERBS

    verbs = {f"brigade.cli.{verb.module}" for verb in VERBS.values()}
    imported = imported_modules()
    modules = {name_of(path) for path in (SOURCE / "brigade" / "cli").glob("*.py") if path.name != "__init__.py"}
    assert modules - imported - ENTRY_POINTS == verbs - imported


def test_nothing_is_left_to_do():
    # Written apart, so that this file does not find itself.
    words = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|NotImplemented" r"Error")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path.suffix in {".py", ".md", ".toml", ".sh", ".sql"}
        for match in words.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_no_file_names_this_machine_or_where_packages_come_from():
    # A clone must build anywhere, from whichever index is configured there.
    banned = re.compile(
        r"--index-url|--extra-index-url|--find-links|pypi\.or"
        r"g|pythonhosted\.or"
        r"g|/ro"
        r"ot/|/wor"
        r"k/main|/op"
        r"t/wheels"
    )
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path != Path(__file__).resolve() and not is_binary(path)
        for match in banned.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found


def is_binary(path: Path) -> bool:
    return b"\0" in path.read_bytes()[:1024]


def test_skips_have_reasons():
    bare = re.compile(r"pytest\.skip\(\s*\)|mark\.skip\s*$|mark\.skip\(\s*\)|mark\.skipif\([^)]*\)\s*$")
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if bare.search(line) and "reason" not in line and path != Path(__file__).resolve():
                found.append(f"{path.relative_to(ROOT)}:{number}")
    assert not found
