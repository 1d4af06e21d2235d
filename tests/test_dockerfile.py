"""The Dockerfile, judged without Docker: its instructions, and what the builder is sent."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
INSTRUCTIONS = [
    (line.split(maxsplit=1)[0], " ".join(line.split()[1:]))
    for line in TEXT.splitlines()
    if line and not line.startswith("#")
]


def of(kind):
    return [rest for name, rest in INSTRUCTIONS if name == kind]


def test_hadolint_finds_nothing():
    hadolint = Path(sys.prefix, "bin", "hadolint")
    if not hadolint.is_file():
        pytest.skip("hadolint is not installed: pip install -r requirements-dev.txt")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_base_is_an_argument_whose_default_has_a_tag():
    assert INSTRUCTIONS[0][0] == "ARG" and re.fullmatch(r"BASE=\S+:\S+", INSTRUCTIONS[0][1])
    assert of("FROM") == ["${BASE}"]
    assert not re.search(r"BASE=\S+:latest", TEXT)


def test_it_does_not_run_as_root():
    users = of("USER")
    assert users and users[-1].isdigit() and int(users[-1]) >= 10000
    last = [name for name, _ in INSTRUCTIONS].index("USER")
    assert all(name != "RUN" for name, _ in INSTRUCTIONS[last:])


def test_nothing_of_the_installers_stays():
    for command in of("RUN"):
        assert "apt-get install" not in command or "rm -rf /var/lib/apt/lists" in command
        assert "pip install" not in command or "--no-cache-dir" in command
        assert "sudo" not in command and "| sh" not in command
    assert not of("ADD")


def test_shared_memory_is_spoken_of_and_the_command_is_in_its_exec_form():
    assert "--shm-size" in TEXT and "/dev/shm" in TEXT and "--num_workers 0" in TEXT
    assert of("ENTRYPOINT") == ['["chest-ct"]'] and of("CMD") == ['["--help"]']


def test_what_is_copied_exists_and_is_all_that_the_builder_is_sent():
    copied = {name.rstrip("/") for rest in of("COPY") for name in rest.split()[:-1]}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored and copied == sent
    assert all((ROOT / name).exists() for name in copied)
