"""What `pip install .` gives, without make: the tools, the configs, and `scripts` beside somebody else's."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import yaml

from scripts import bundle_root
from scripts.__main__ import main
from scripts.page import write_page

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def names(requirements):
    return {re.match(r"[\w-]+", line)[0].lower().replace("_", "-") for line in requirements}


def test_the_ranges_hold_each_pin_and_nothing_else():
    packaging = pytest.importorskip("packaging.requirements")
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
    assert names(pins) == names(PROJECT["dependencies"])
    ranges = {
        found.name.lower(): found.specifier for found in map(packaging.Requirement, PROJECT["dependencies"])
    }
    for pin in pins:
        name, _, version = pin.partition("==")
        assert version in ranges[name.lower()], pin


def test_this_python_is_one_that_the_project_allows():
    specifiers = pytest.importorskip("packaging.specifiers")
    assert sysconfig.get_python_version() + ".0" in specifiers.SpecifierSet(PROJECT["requires-python"])


def test_the_pythons_that_are_stated_are_those_of_the_documents():
    stated = [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if "Python :: 3." in each]
    assert PROJECT["requires-python"] == f">={stated[0]}"
    for name in ("README.md", "docs/install.md", "docs/tutorial.md"):
        assert f"Python {stated[0]} to {stated[-1]}" in (ROOT / name).read_text(), name
    assert f"for python in {' '.join(stated)}; do" in (ROOT / "docs/install.md").read_text()


def test_the_version_stands_once_and_is_shown_everywhere(tmp_path, capsys):
    version = json.loads((ROOT / "configs" / "metadata.json").read_text())["version"]
    assert "version" in PROJECT["dynamic"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()
    (tmp_path / "empty.html").write_text('{% extends "page.html" %}')
    write_page(tmp_path / "page.html", tmp_path / "empty.html", "title")
    assert f"Bundle {version}." in (tmp_path / "page.html").read_text()
    main(["--version"])
    assert capsys.readouterr().out == f"{version}\n"


def test_public_ci_and_pre_commit_run_what_contributors_run():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert workflow["jobs"]["test"]["steps"][-1]["run"] == "make check test"
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    makefile = (ROOT / "Makefile").read_text()
    for hook in local["hooks"]:
        assert hook["entry"] in makefile.replace(" --check", ""), hook["id"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment of its own that has the wheel, and sees the packages of this one; nothing else of it."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install -r requirements-dev.txt")
    folder = tmp_path_factory.mktemp("install")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = shutil.copytree(
        ROOT,
        folder / "source",
        symlinks=True,
        ignore=shutil.ignore_patterns(".*", "results", "demo", "tests"),
    )
    subprocess.run([*wheel, "--wheel-dir", str(folder), str(source)], check=True)
    shutil.rmtree(source)
    venv.create(folder / "environment", with_pip=False)
    python = folder / "environment" / "bin" / "python"
    own = Path(sysconfig.get_path("purelib"))
    place = folder / "environment" / own.relative_to(sys.prefix)
    (file,) = folder.glob("*.whl")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, str(file)], check=True)
    (place / "zz_packages_of_the_tests.pth").write_text(f"{own}\n")
    return python


def run(*command, cwd):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        list(map(str, command)), cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_an_installed_bundle_answers_from_any_folder(installed, phantoms, save_model, tmp_path):
    listed = run(installed, "-m", "scripts", "--help", cwd=tmp_path)
    assert listed.returncode == 0 and "  view " in listed.stdout, listed.stderr
    where = run(installed, "-c", "import scripts; print(scripts.bundle_root())", cwd=tmp_path).stdout.strip()
    assert where != bundle_root() and Path(where).parent == next(Path(installed).parents[1].glob("lib/*/*"))
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    item = json.loads((phantoms / "datalist.json").read_text())["test"][0]
    scan = phantoms / item["image"]
    model = tmp_path / "model.pt"
    ask = "import sys, scripts; print(scripts.Predictor(sys.argv[1])(sys.argv[2]).prediction)"
    answered = run(installed, "-c", ask, model, scan, cwd=tmp_path)
    assert answered.returncode == 0 and answered.stdout.strip(), answered.stderr
    done = run(
        installed, "-m", "monai.bundle", "run", "inference", "--config_file",
        f"{where}/configs/inference.yaml", "--ckpt_path", model, "--scans", scan,
        "--output_dir", tmp_path / "answers", "--num_workers", 0, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "answers" / "predictions.json").read_text())["predictions"]
    assert row["prediction"] == answered.stdout.strip()


@pytest.mark.slow
def test_chest_ct_finds_the_bundle_beside_another_package_called_scripts(installed, tmp_path):
    other = tmp_path / "scripts"
    other.mkdir()
    (other / "__init__.py").write_text("")
    (other / "__main__.py").write_text("print('another program')")
    assert run(installed, "-m", "scripts", "--help", cwd=tmp_path).stdout == "another program\n"
    command = installed.with_name("chest-ct")
    assert "  view " in run(command, "--help", cwd=tmp_path).stdout
    assert "  view " in run(installed, "-m", "chest_ct_covid19", "--help", cwd=tmp_path).stdout
    wrong = run(command, "run", "inference", "--config_file", "nowhere.yaml", cwd=tmp_path)
    assert wrong.returncode and "nowhere.yaml" in wrong.stderr


def test_a_bundle_of_links_to_blobs_finds_its_own_files(phantoms, save_model, tmp_path):
    """As the Hugging Face cache keeps one: snapshots/REVISION/PATH is a link to blobs/HASH."""
    cache = tmp_path / "models--somebody--chest-ct"
    snapshot = cache / "snapshots" / "0a1b2c"
    save_model(tmp_path / "model.pt", spatial_shape=[24, 24, 16])
    sources = {path: ROOT / path for path in ("requirements.txt", "LICENSE")}
    sources |= {f"models/{name}": tmp_path / name for name in ("model.pt", "model.json")}
    for folder in ("configs", "scripts"):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
        sources |= {str(path.relative_to(ROOT)): path for path in files}
    (cache / "blobs").mkdir(parents=True)
    for number, (name, source) in enumerate(sources.items()):
        blob = shutil.copy(source, cache / "blobs" / f"{number:040x}")
        place = snapshot / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.path.relpath(blob, place.parent))
    where = run(sys.executable, "-c", "import scripts; print(scripts.bundle_root())", cwd=snapshot)
    assert where.stdout.strip() == str(snapshot)
    item = json.loads((phantoms / "datalist.json").read_text())["test"][0]
    done = run(
        sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.yaml",
        "--scans", phantoms / item["image"], "--output_dir", tmp_path / "answers", "--num_workers", 0,
        cwd=snapshot,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "answers" / "predictions.json").read_text())["predictions"]
    assert row["prediction"]
