"""What is published: built by the package's own backend, without a network, and installed into an empty folder."""

import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
CARRIED = ("py.typed", "locales/he.json", "locales/en.json")
BUILD = "import hatchling.build as b, sys; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def build(kind, source, target):
    target.mkdir(exist_ok=True)
    return target / run(sys.executable, "-c", BUILD, kind, target, cwd=source).splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build("sdist", PACKAGE, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(sdist, tmp_path_factory):
    """The wheel that is built from the unpacked sdist, as an index would serve it, in an empty folder."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    wheel = build("wheel", source, folder / "dist")
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--no-compile", "--target", target, wheel)
    return target


def files(folder):
    """Their paths; folders that are links, as those of texts shared with another package, count as folders."""
    walked = os.walk(folder, followlinks=True)
    paths = [Path(parent, name) for parent, _, names in walked for name in names]
    return {path.relative_to(folder).as_posix() for path in paths}


def test_the_sdist_has_what_a_reader_needs_and_no_tests(sdist):
    """Package, README and changelog."""
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}

    assert {"README.md", "CHANGELOG.md", "pyproject.toml", "pazpaz_ai_client/py.typed"} <= inside
    assert not [name for name in inside if name.startswith("tests")]


def test_the_wheel_has_every_module_and_no_tests(installed):
    """Also where nothing imports a module, as with the pytest plugin."""
    ours = files(PACKAGE / "pazpaz_ai_client")
    expected = {name for name in ours if "__pycache__" not in name}
    found = {name for name in files(installed) if ".dist-info/" not in name}

    assert found == {f"pazpaz_ai_client/{name}" for name in expected}
    assert {f"pazpaz_ai_client/{name}" for name in CARRIED} <= found


def test_the_installed_package_runs_from_there(installed):
    """A program that has only it, and what it depends on, can import all of it."""
    modules = [
        name.removesuffix(".py").replace("/", ".")
        for name in files(installed)
        if name.endswith(".py") and not name.endswith("__init__.py")
    ]
    script = f"import sys; sys.path.insert(0, {str(installed)!r}); import importlib as i\n"
    script += f"for name in {modules!r}: assert i.import_module(name).__file__.startswith({str(installed)!r})"

    run(sys.executable, "-P", "-c", script, cwd=installed)
    assert len(modules) > 30


def test_pytest_finds_the_fixture(installed, tmp_path):
    """By the entry point alone: the test names no plugin."""
    (tmp_path / "test_it.py").write_text(
        "def test_it(fake_ai_service):\n"
        "    import pazpaz_ai_client\n"
        f"    assert pazpaz_ai_client.__file__.startswith({str(installed)!r})\n"
    )
    script = f"import sys; sys.path.insert(0, {str(installed)!r}); import pytest\n"
    script += "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))"

    assert "1 passed" in run(sys.executable, "-c", script, cwd=tmp_path)


def test_the_metadata_says_whose_it_is_and_what_it_asks_for(installed):
    """Type checkers, pytest and an index read it."""
    (info,) = installed.glob("*.dist-info")
    metadata = (info / "METADATA").read_text()

    assert f"Version: {PROJECT['version']}\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert "Classifier: Typing :: Typed\n" in metadata
    assert "Classifier: Private :: Do Not Upload\n" in metadata
    assert "Provides-Extra: arq\n" in metadata
    assert "pazpaz_ai = pazpaz_ai_client.pytest_plugin" in (info / "entry_points.txt").read_text()


def test_the_readme_installs_the_wheel_that_is_built(tmp_path):
    """Its commands name the file of this version, and the folder where the package is."""
    readme = (PACKAGE / "README.md").read_text()
    root = PACKAGE.parents[1]

    wheel = build("wheel", PACKAGE, tmp_path).name

    assert readme.count(wheel) == 3
    assert f"#subdirectory={PACKAGE.relative_to(root)}" in readme
    assert f"uv build --package {PROJECT['name']} " in readme


def test_the_changelog_has_this_version():
    """Whoever raises the version says what changed."""
    assert f"\n## {PROJECT['version']}\n" in (PACKAGE / "CHANGELOG.md").read_text()
