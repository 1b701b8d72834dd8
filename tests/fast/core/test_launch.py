"""From a file to the equal verl command."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stagerl_plugins.errors import UserError
from stagerl_plugins.training.launch import hydra_value, prepare

keys = st.from_regex(r"[a-z_][a-z0-9_/.-]*", fullmatch=True)
text = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12) | st.text("${}\\'a", max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9).filter(lambda x: x == x) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@given(values)
@example({"pattern": r"^\d+${x}\\${y}\\$"})
def test_hydra_reads_a_value_back_as_it_was(value):
    parsed = OverridesParser.create().parse_override(f"key={hydra_value(value)}").value()
    resolved = OmegaConf.to_container(OmegaConf.create({"key": plain(parsed)}), resolve=True)
    assert resolved == {"key": value}


def plain(value):
    """Hydra's parsed value without its quotes."""
    if isinstance(value, dict):
        return {str(getattr(key, "text", key)): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return getattr(value, "text", value)


def write(tmp_path, text):
    path = tmp_path / "two.yaml"
    path.write_text(text)
    return path


STAGES = "stages:\n  easy: {max_steps: 2}\n"


def test_stages_may_all_be_given_beside_a_file_that_has_none(tmp_path):
    launch = prepare(write(tmp_path, "seed: 1\n"), ["stages.easy.max_steps=1", "stages.hard.max_steps=2"])
    assert {name: stage.max_steps for name, stage in launch.config.stages.items()} == {"easy": 1, "hard": 2}


def test_the_command_holds_verl_s_keys_and_ours(tmp_path):
    path = write(
        tmp_path, STAGES + "device: cpu\nverl:\n  data.train_batch_size: 8\n  actor_rollout_ref.actor.optim.lr: 1e-6\n"
    )
    launch = prepare(path, ["stages.easy.max_steps=5", "verl.trainer.save_freq=3"])
    assert launch.overrides[:2] == ["+stagerl=base", "+stagerl_device=cpu"]
    assert "actor_rollout_ref.actor.optim.lr=1e-06" in launch.overrides
    assert "trainer.save_freq=3" in launch.overrides
    assert "++stagerl.stages.easy.max_steps=5" in launch.overrides
    assert launch.config.stages["easy"].max_steps == 5
    assert launch.shown().startswith("VERL_PLATFORM=cpu")


# 9 values, each nine times the one before: 387 million when written out
LAUGHS = "verl:\n  a: &a0 [x]\n" + "".join(f"  b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "assignments", "line"),
    [
        ("stages: [", [], "two.yaml, line 1"),
        ("- a\n", [], "expected keys and values at the top, got list"),
        ("# all is yet to come\n", [], "expected keys and values at the top, got nothing"),
        (STAGES + "sampler: unifrom\n", [], "no sampler is called 'unifrom': did you mean 'uniform'?"),
        (STAGES + "sampler: {uniform: {}, sequential: {}}\n", [], "expected the name of one sampler"),
        (STAGES + "gates: {zero_variance: {min_sdt: 1}}\n", [], "gates.zero_variance.min_sdt: unknown key"),
        (STAGES, ["stages.easy.max_steps=many"], "stages.easy.max_steps"),
        (STAGES, ["stages.easy"], "expected key=value"),
        (STAGES, ["stages.esay.max_steps=3"], "stages.esay: there is no such stage: did you mean 'easy'?"),
        (STAGES, ["seed.deep=1"], "seed"),
        (STAGES + "name: 'a b'\n", [], "name: a run's name has letters, digits, _ . and -"),
        (STAGES + "name: ..\n", [], "name: a run's name has letters"),
        ("stages:\n  ../up: {max_steps: 1}\n", [], "stages: a stage's name has letters, digits, _ and -, got '../up'"),
        (STAGES + "verl: 3\n", [], "verl"),
        (STAGES, ["verl.trainer.default_local_dir=here"], "verl.trainer.default_local_dir: a run writes to runs/NAME"),
        ("{}", [], "stages: is missing"),
        (STAGES + "  easy: {max_steps: 3}\n", [], "two.yaml, line 3: the key 'easy' is there twice"),
        (STAGES + "judging: {seconds: .inf}\n", [], "judging.seconds: input should be a finite number, got inf"),
        (STAGES + "judging: {processes: 9999}\n", [], "judging.processes: input should be less than or equal to 1024"),
        (STAGES + "sampler: {mopps: {target: .nan}}\n", [], "sampler.mopps.target"),
        (STAGES + "name: 2024-99-99\n", [], "holds a value that cannot be read: month must be in 1..12"),
        (STAGES + "seed: !!int ''\n", [], "two.yaml: holds a value that cannot be read: "),
        ("stages: &a {easy: *a}\n", [], "two.yaml: holds a value that cannot be read: it is inside itself"),
        (STAGES + "verl: &x {a: *x}\n", [], "two.yaml: holds a value that cannot be read: it is inside itself"),
        (STAGES, ["verl.a.b={c: &x [*x]}"], "verl.a.b: '{c: &x [*x]}' is no valid YAML value"),
        ("stages: " + "[" * 3000, [], "is nested too deeply"),
        (LAUGHS, [], "its aliases stand for more than 100,000 values"),
        (STAGES, ["seed=true"], "seed: input should be a valid integer, got True"),
        (STAGES + "sampler: {mopps: {candidates: true}}\n", [], "mopps.candidates: input should be a valid integer"),
        (STAGES + "sampler: {mopps: {candidates: '16'}}\n", [], "mopps.candidates: input should be a valid integer"),
        (STAGES + "sampler: {mopps: {discount: .nan}}\n", [], "discount: input should be a finite number, got nan"),
        (STAGES + "sampler: {mopps: {candidates: 2024-01-01}}\n", [], "should be a valid integer, got '2024-01-01'"),
        ("stages: {1: {max_steps: 1}}\n", [], "stages: a name is text, got 1: put it in quotes"),
        ("stages: {yes: {max_steps: 1}}\n", [], "stages: a name is text, got True: put it in quotes"),
        ("stages: {a: }\n", [], "stages.a: expected keys and values ({} for none), got None"),
        (STAGES, ["gates=[a, b]"], "gates: expected keys and values such as {a: {}, b: {}}, got ['a', 'b']"),
        (STAGES, ["stages.easy.until=[plateau]"], "until: expected keys and values such as {plateau: {}}, got"),
        (STAGES, ["gates=null"], "gates: expected keys and values ({} for none), got None"),
        ("stages.a.max_steps: 3\n", [], "in a file it is nested: `stages: {a: {max_steps: …}}`"),
        (STAGES, ["data.train_files=x"], "data: unknown key; verl's own keys stand below `verl` in a file: verl.data"),
        (STAGES + "trainer.save_freq: 3\n", [], "verl's own keys stand below `verl` in a file: verl.trainer.save_freq"),
        (STAGES + "reward: math\n", [], "reward: unknown key; did you mean 'rewards'? verl's own keys stand below"),
        (STAGES, ["stagerl.seed=3"], "stagerl: unknown key; leave out `stagerl.`"),
        ("stages: {ä: {max_steps: 1}}\n", [], "a stage's name has letters"),
        ("stages:\n  a: {max_steps: 1, mix: {'ä': 1}}\n", [], "'ä': Hydra takes no such key"),
        (STAGES + "a: !!python/name:os.system\n", [], "could not determine a constructor"),
        ("stages:\n  a: {max_steps: 1, until: {plateau: {window: 999}}}\n", [], "need more than the 1000 values"),
        ("stages: {}", [], "stages"),
        (STAGES + "mix: {}\n", [], "mix: unknown key"),
        ("stages:\n  a: {max_steps: 1, mix: {math: 0}}\n", [], "stages.a.mix.math"),
        ("stages:\n  a: {max_steps: 1, mix: {m: 1}, domains: [n]}\n", [], "mix names ['m'] but domains are ['n']"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(tmp_path, text, assignments, line):
    with pytest.raises(UserError) as error:
        prepare(write(tmp_path, text), assignments)
    assert line in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_with_an_exponent_are_numbers_and_text_in_quotes_is_text(tmp_path):
    path = write(tmp_path, STAGES + 'verl: {a: 1e-6, b: "1e-6", c: -2.5E+3, d: 1e, e: 0x1e5}')
    assert prepare(path, ["verl.f=1e3", 'verl.g="1e3"']).config.verl == {
        "a": 1e-6, "b": "1e-6", "c": -2500.0, "d": "1e", "e": 0x1E5, "f": 1000.0, "g": "1e3",
    }  # fmt: skip


def test_a_run_is_named_after_its_file_as_far_as_a_folder_can_be(tmp_path):
    for file, name in (("two stage.yaml", "two_stage"), ("...yaml", "_"), (".hidden.yaml", "_hidden")):
        (tmp_path / file).write_text(STAGES)
        assert prepare(tmp_path / file).config.name == name


def test_a_domain_may_have_blanks(tmp_path):
    path = write(tmp_path, "stages:\n  a: {max_steps: 1, mix: {code gen: 1, math: 2}}\n")
    assert "++stagerl.stages.a.mix={code gen:1,math:2}" in prepare(path).overrides


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.yaml: No such file"):
        prepare(tmp_path / "nowhere.yaml")
