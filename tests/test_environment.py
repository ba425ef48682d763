"""All pyproject.toml, environment.yml and constraints.txt name the same packages."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


PROJECT, ENGINE, COURSE = project(ROOT), project(ROOT / "nbproof"), project(ROOT / "assignments")
SITE = [line for extra in ("web", "browser") for line in PROJECT["optional-dependencies"].pop(extra)]
EXTRAS = {**PROJECT["optional-dependencies"], "test of nbproof": ENGINE["optional-dependencies"]["test"]}
CONDA_NAMES = {"torch": "pytorch"}  # where conda's name is another
CONDA_ONLY = {"python", "pip"}


def requirements() -> dict[str, Requirement]:
    """Every dependency of the book and of nbproof, the extras' too."""
    lines = [*PROJECT["dependencies"], *ENGINE["dependencies"]]
    for extra in EXTRAS.values():
        lines += extra
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


def with_course_and_site() -> dict[str, Requirement]:
    """Those of the course, of the site and of its tests too, which aren't in environment.yml but for pip.

    Some, as the one that brings MathJax, are on PyPI only.
    """
    ours = {PROJECT["name"], ENGINE["name"]}
    lines = [*COURSE["dependencies"], *SITE]
    return {each.name: each for each in map(Requirement, lines) if each.name not in ours} | requirements()


def conda() -> dict[str, Requirement]:
    packages = [line for line in from_pip() if not line.startswith("-e ")]
    packages += [line for line in dependencies() if isinstance(line, str)]
    return {requirement.name: requirement for requirement in map(Requirement, packages)}


def dependencies() -> list[str | dict[str, list[str]]]:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def from_pip() -> list[str]:
    """What conda lets pip install."""
    (lines,) = (line["pip"] for line in dependencies() if isinstance(line, dict))
    return lines


def test_conda_lets_pip_install_both_packages():
    installed = [line for line in from_pip() if line.startswith("-e ")]
    assert installed == ["-e ./nbproof", "-e ."]  # a line of pip's takes no other option


def test_a_package_of_both_has_one_range():
    lines = [*PROJECT["dependencies"], *ENGINE["dependencies"], *COURSE["dependencies"], *SITE]
    lines += [line for extra in EXTRAS.values() for line in extra]
    lines = [line for line in lines if line not in (PROJECT["name"], ENGINE["name"])]
    ranges: dict[str, set[str]] = {}
    for requirement in map(Requirement, lines):
        ranges.setdefault(requirement.name, set()).add(str(requirement.specifier))
    assert all(len(found) == 1 for found in ranges.values()), ranges


def test_the_package_alone_needs_no_notebooks():
    names = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert names == {"numpy", "torch", "matplotlib", "pooch", "tqdm"}


def pins() -> dict[str, Version]:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), "only exact versions"
    pairs = (line.split("==") for line in lines)
    return {re.sub(r"[-_.]+", "-", name).lower(): Version(version) for name, version in pairs}


def test_conda_has_the_same_packages_in_the_same_ranges():
    wanted = {CONDA_NAMES.get(name, name): r.specifier for name, r in requirements().items()}
    found = {name: r.specifier for name, r in conda().items() if name not in CONDA_ONLY}
    assert found == wanted


def test_conda_has_the_same_python():
    assert str(conda()["python"].specifier) == PROJECT["requires-python"]


@pytest.mark.parametrize("name", with_course_and_site())
def test_every_dependency_is_pinned_inside_its_range(name):
    assert with_course_and_site()[name].specifier.contains(pins()[re.sub(r"[-_.]+", "-", name)])


@pytest.mark.parametrize("name", with_course_and_site())
def test_ranges_are_open(name):
    operators = {specifier.operator for specifier in with_course_and_site()[name].specifier}
    assert operators == {">="}, "an upper limit breaks a reader's environment one day"


def test_torch_is_pinned_without_a_build():
    """A pin like 2.13.0+cpu exists on torch's own index only."""
    assert pins()["torch"].local is None
