"""Real clients and code generators, each a process of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def installed():
    """The clients, as their lock files say; `make clients` does nothing when they are there."""
    if shutil.which("npm") is None:
        missing("npm")
    subprocess.run(["make", "--silent", "clients"], cwd=ROOT, check=True, timeout=110)
    return HERE


@pytest.fixture(scope="session")
def node(installed):
    """Run a script of ours under Node.js; return what it prints."""
    path = shutil.which("node")
    return lambda script, *arguments, **more: _output(
        [path, installed / script, *arguments], **more
    )


@pytest.fixture(scope="session")
def tool(installed):
    """Run a Python tool that has an environment of its own; return what it prints."""
    folder = ROOT / ".venv-clients" / "bin"
    return lambda name, *arguments, **more: _output([folder / name, *arguments], **more)


def _output(command, *, given=None, folder=HERE, **environment):
    done = subprocess.run(
        command,
        input=None if given is None else json.dumps(given),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
