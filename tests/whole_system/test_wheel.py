"""The wheel that `python -m build` makes, in a fresh environment: it holds all that it needs, and works."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet
import pytest
from harness import ROOT

USE = """
import json, sys
import stagerl_plugins
from stagerl_plugins.testing import check_plugin
check_plugin("sampler", "uniform")
print(json.dumps(stagerl_plugins.__file__))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from the source distribution, so that this holds all that it needs, too."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (found,) = folder.glob("stagerl_plugins-*.whl")
    return found


@pytest.fixture(scope="module")
def bin_folder(wheel, tmp_path_factory) -> Path:
    """Of an environment with the wheel in it. What it depends on is found where these tests have it; nothing is loaded.

    A path file makes that place known, but not what is installed editable there: its own path file is not read.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin"


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} - {f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"} == {
        "stagerl_plugins"
    }
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "stagerl_plugins").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} == {
        n for n in names if n.startswith("stagerl_plugins/")
    }


def test_it_is_the_wheel_that_is_used_and_its_plugins_keep_the_contract(bin_folder, tmp_path):
    done = subprocess.run([bin_folder / "python", "-c", USE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(json.loads(done.stdout)).is_relative_to(bin_folder.parent)


def test_the_command_makes_levels_with_the_rules_in_the_wheel(bin_folder, tmp_path):
    rates = {"p15": [0.5, 0.0], "p7": [0.5, 0.0], "p32": [1.0, 0.2], "r1": [1.0, 0.4]}
    columns = {f"pass_rate_{grader}": values for grader, values in rates.items()}
    pa.parquet.write_table(
        pa.table({"id": ["easy", "hard"], "ability": ["code"] * 2, **columns}), tmp_path / "in.parquet"
    )
    command = [bin_folder / "stagerl", "levels", "in.parquet", "--rules", "paper", "--out", "levels"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    levels = {
        level: pa.parquet.read_table(tmp_path / f"levels/level_{level}.parquet")["id"].to_pylist() for level in (1, 3)
    }
    assert levels[1] == ["easy"]
    assert "hard" in levels[3]


def test_the_command_lists_the_built_ins_once(bin_folder, tmp_path):
    done = subprocess.run([bin_folder / "stagerl", "plugins", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = [(plugin["kind"], plugin["name"]) for plugin in json.loads(done.stdout)]
    assert ("sampler", "uniform") in names
    assert len(set(names)) == len(names)
