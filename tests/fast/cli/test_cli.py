"""The commands: results on standard output, the rest on standard error, one line and status 2 for a mistake."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from stagerl_plugins.cli import Commands, main
from stagerl_plugins.errors import PluginError, UserError


def stagerl(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    path = tmp_path / "graded.parquet"
    rows = [{"id": str(index), "ability": "math", "pass_rate_p": index / 4} for index in range(5)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text("drop:\n  never solved: p == 0\nlevels:\n  easy: p >= 0.5\n  hard: p < 0.5\n")
    return path


def test_levels_prints_a_table_by_level_domain_and_reason(graded: Path, rules: Path, tmp_path: Path) -> None:
    done = stagerl("levels", graded, "--rules", rules, "--out", tmp_path / "levels")
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines == [
        ["level", "math", "all", "mean", "p"],
        ["easy", "3", "3", "0.75"],
        ["hard", "1", "1", "0.25"],
        [],
        ["dropped", "math", "all"],
        ["never", "solved", "1", "1"],
    ]
    assert done.stderr == f"5 problems; levels are in {tmp_path / 'levels'}\n"
    assert (tmp_path / "levels" / "level_easy.parquet").is_file()


def test_a_users_mistake_is_one_line_and_status_2(graded: Path, rules: Path, tmp_path: Path) -> None:
    rules.write_text(rules.read_text().replace("p >= 0.5", "q >= 0.5"))
    done = stagerl("levels", graded, "--rules", rules, "--out", tmp_path / "levels")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"stagerl: {rules}: levels.easy: 'q >= 0.5': there is no grader or numeric column 'q': graders here are p\n"
    )
    assert not (tmp_path / "levels").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("levels", "missing.parquet", "--rules", "paper", "--out", "out"),
        ("levels", "missing.parquet", "--rules", "missing.yaml", "--out", "out"),
        ("levels", "missing.parquet"),
        ("level",),
        ("plugins", "--jsn"),
    ],
)
def test_mistakes_are_status_2_and_print_no_result(arguments: tuple[str, ...]) -> None:
    done = stagerl(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("stagerl: ")
    assert done.stderr.count("\n") == 1


def test_an_output_folder_that_is_a_file_is_named(graded: Path, rules: Path) -> None:
    done = stagerl("levels", graded, "--rules", rules, "--out", rules)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"stagerl: --out {rules}: ")


@pytest.mark.parametrize(
    ("raised", "status", "stderr"),
    [
        (UserError("a key\nis wrong"), 2, "stagerl: a key is wrong\n"),
        (PluginError("a plugin is wrong"), 2, "stagerl: a plugin is wrong\n"),
        (KeyboardInterrupt(), 130, "stagerl: interrupted\n"),
        (KeyboardInterrupt("step 3 is saved"), 130, "stagerl: step 3 is saved\n"),
    ],
)
def test_how_a_command_ends(raised: BaseException, status: int, stderr: str) -> None:
    @click.group(cls=Commands)
    def commands() -> None: ...

    @commands.command()
    def fail() -> None:
        raise raised

    done = CliRunner().invoke(commands, ["fail"])
    assert (done.exit_code, done.stdout, done.stderr) == (status, "", stderr)


def test_plugins_as_json_says_all_about_each() -> None:
    done = stagerl("plugins", "--json")
    assert done.exit_code == 0
    found = {(entry["kind"], entry["name"]): entry for entry in json.loads(done.stdout)}
    pass_rate = found["difficulty_metric", "pass_rate"]
    assert pass_rate["distribution"] == "stagerl-plugins"
    assert pass_rate["version"]
    assert pass_rate["summary"].startswith("A grader's pass rate")
    assert pass_rate["options"][0] == {
        "name": "grader",
        "type": "str",
        "required": True,
        "description": "The grader, such as `p15`: reads `pass_rate_p15` and `samples_p15`.",
    }


def test_plugins_for_people_names_the_same() -> None:
    done = stagerl("plugins")
    assert done.exit_code == 0
    for entry in json.loads(stagerl("plugins", "--json").stdout):
        assert entry["name"] in done.stdout
        for option in entry["options"]:
            assert f"      {option['name']}: {option['type']}" in done.stdout


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"]])
def test_a_standard_output_that_takes_nothing_is_one_line(arguments: list[str]) -> None:
    code = "from stagerl_plugins.cli import main; main(prog_name='stagerl')"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    line = "stagerl: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, line)


def test_a_plugin_that_cannot_be_loaded_is_named_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "broken_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stagerl_plugins]\nbroken = broken_plugin\n")
    (tmp_path / "broken_plugin.py").write_text("import nothing_of_this_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = stagerl("plugins", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)
    assert "skipped: plugin broken_plugin of broken-plugin 1.0 cannot be imported" in done.stderr


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert stagerl("--version").stdout == f"stagerl {version('stagerl-plugins')}\n"


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = stagerl(command, "--help")
    assert done.exit_code == 0
    assert f"stagerl {command}" in done.stdout.split("Example", 1)[1].split("Options:")[0]


def test_the_installed_command_starts_fast_and_light() -> None:
    heavy = "print([m for m in ('torch', 'ray', 'verl', 'vllm', 'transformers', 'pyarrow') if m in sys.modules])"
    code = f"import sys; from stagerl_plugins.cli import main; main(['--help'], standalone_mode=False); {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing-folder/of/a/model", "graded.parquet"), "stagerl: model missing-folder/of/a/model: no such folder\n"),
        (("org/model", "missing.parquet"), "stagerl: no such file: missing.parquet\n"),
        (("org/model", "missing.parquet", "--reward", "[1"), "stagerl: --reward [1: is no valid YAML\n"),
        (("org/model", "missing.parquet", "--engine", "x"), "stagerl: 'x': expected key=value\n"),
    ],
)
def test_grade_refuses_before_it_starts_anything(arguments: tuple[str, ...], message: str) -> None:
    done = stagerl("grade", *arguments, "--grader", "p", "--out", "out.parquet")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", message)
    assert not Path("out.parquet.partial").exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--judge-seconds", "inf", "'inf' is no finite number"),
        ("--judge-seconds", "nan", "'nan' is no finite number"),
        ("--temperature", "inf", "'inf' is no finite number"),
        ("--temperature", "nan", "'nan' is no finite number"),
        ("--top-p", "nan", "'nan' is no finite number"),
        ("--judge-processes", "1000000", "1000000 is not in the range 1<=x<=1024"),
    ],
)
def test_grade_refuses_a_number_that_is_out_of_all_bounds(option: str, value: str, message: str) -> None:
    done = stagerl("grade", "org/model", "problems.parquet", "--grader", "p", "--out", "out.parquet", option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"stagerl: Invalid value for '{option}': {message}; see ")
    assert done.stderr.count("\n") == 1
