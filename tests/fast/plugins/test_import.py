"""Importing us is cheap: a plugin author's tests run without torch, Ray, verl and vLLM."""

import pytest

HEAVY = {"torch", "ray", "verl", "vllm", "transformers"}


@pytest.mark.parametrize(
    "code",
    [
        "import stagerl_plugins",
        "from stagerl_plugins.plugins import load_plugins; load_plugins(); import stagerl_plugins.testing",
        "import stagerl_plugins.cli, stagerl_plugins.training.launch",
    ],
)
def test_nothing_heavy_is_imported(site, code):
    modules = site.python(f"import json, sys; {code}; print(json.dumps(list(sys.modules)))")
    assert "stagerl_plugins" in modules
    assert HEAVY.isdisjoint(modules)


def test_the_import_takes_under_half_a_second(site):
    """Processor time, which a busy machine does not stretch; the best of three, as the first may compile."""
    code = "import json, time; import stagerl_plugins; print(json.dumps(time.process_time()))"
    assert min(site.python(code) for _ in range(3)) < 0.5
