# SPDX-License-Identifier: Apache-2.0
"""setup.sh names the first tool that is missing and says what to install; the workflow runs what .ci/run runs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SETUP = Path(__file__).parents[1] / "scripts" / "setup.sh"


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder to stand for PATH, with all that setup.sh checks for."""
    for name in ("g++", "make", "perl", "dirname"):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (tmp_path / name).symlink_to(found)
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return tmp_path


def setup(tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run setup.sh where only these tools are found."""
    bash = shutil.which("bash")
    assert bash is not None
    return subprocess.run(
        [bash, str(SETUP), *arguments], env={"PATH": str(tools)}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_tool_is_named(tools: Path, tool: str) -> None:
    (tools / tool).unlink()
    done = setup(tools)
    assert done.returncode == 1
    assert done.stderr.startswith(f"setup: needs {tool}, which " if tool != "perl" else "setup: needs perl, in ")
    assert f"apt install {tool})" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_python_is_named(tools: Path) -> None:
    (tools / "python3").unlink()
    done = setup(tools)
    assert done.returncode == 3
    assert done.stderr.startswith("setup: needs Python 3.11 or newer with its venv module: install python3 and")
    assert done.stderr.count("\n") == 1


def test_another_python_does_not_stand_in_for_that_of_the_image(tools: Path) -> None:
    if sys.version_info[:2] == (3, 10):
        pytest.skip("this Python is the image's")
    (tools / "python3").rename(tools / "python3.10")
    done = setup(tools, "board")
    assert done.returncode == 3
    assert done.stderr.startswith("setup: needs Python 3.10 with its venv module: install python3.10 and")


def test_an_old_python_is_passed_over(tools: Path) -> None:
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")  # what the version check answers
    assert setup(tools).returncode == 3


def test_an_unknown_environment_is_refused(tools: Path) -> None:
    done = setup(tools, "boards")
    assert (done.returncode, done.stderr) == (1, "setup: need host, board or board-3.1, got boards\n")


def test_the_workflow_runs_ci_run() -> None:
    content = yaml.safe_load((SETUP.parents[1] / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = content["jobs"].values()
    *prepare, run = [step["run"] for step in job["steps"] if "run" in step]
    assert run == ".ci/run" and all("apt-get install" in step for step in prepare)
    (python,) = [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert python.split() == ["3.10", "3.11"], "the image's, and the host's"
