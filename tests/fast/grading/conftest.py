"""Problems to grade, and plugins with the scripted reward."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedPlugin

from stagerl_plugins.plugins import Plugins, load_plugins


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    found = load_plugins()
    found.add(ScriptedPlugin(), "scripted", "1")
    return found


@pytest.fixture
def problem_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a JSONL file of problems with these ids."""

    def write(*ids: str, name: str = "problems.jsonl", **more: Any) -> Path:
        rows = [
            {
                "id": id,
                "data_source": "some",
                "prompt": [{"role": "user", "content": f"problem {id}"}],
                "ability": "math",
                "reward_model": {"style": "rule", "ground_truth": f"answer {id}"},
                **more,
            }
            for id in ids
        ]
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write
