"""The whole configuration as pydantic models; the only place that validates.

The same keys stand in a YAML file, in dotted overrides of `stagerl train`, and under `stagerl` in verl's own overrides.
What verl already has a key for stays verl's: in a file it goes under `verl`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticSerializationError, to_json

from stagerl_plugins.errors import PluginError, UserError, account_of, at, nearest
from stagerl_plugins.plugins import Plugins

VERL_SECTIONS = ("actor_rollout_ref", "algorithm", "critic", "data", "ray_kwargs", "reward", "trainer")
_MOST_PROCESSES = 1024


def _as_spec(value: Any) -> Any:
    """`name` is short for `{name: {}}`, and `{name: null}` for `{name: {}}`."""
    if isinstance(value, str):
        return {value: {}}
    if isinstance(value, Mapping):
        return {name: {} if options is None else options for name, options in value.items()}
    return value


PluginSpec = Annotated[dict[str, dict[str, Any]], BeforeValidator(_as_spec)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class StageSettings(Model):
    """What changes while a stage lasts. A setting that is left out keeps verl's own value."""

    response_budget: int | None = Field(
        None, ge=1, description="Tokens a response may have; at most verl's `data.max_response_length`."
    )
    group_size: int | None = Field(
        None, ge=1, description="Rollouts for each problem (verl: `rollout.n`); 2 at least, unless there is a critic."
    )
    temperature: float | None = Field(None, gt=0, description="Sampling temperature; log-probabilities use it too.")
    entropy_coeff: float | None = Field(None, ge=0, description="Coefficient of the entropy term in the actor's loss.")
    kl_coeff: float | None = Field(None, ge=0, description="Coefficient of the KL term; 0 turns it off for this stage.")
    learning_rate_factor: float = Field(1.0, gt=0, description="Factor on the actor's scheduled learning rate.")
    truncated_in_loss: bool = Field(True, description="False: responses cut at the budget get no loss.")


class Stage(StageSettings):
    """A stage: which problems, how long, and what changes while it lasts."""

    levels: list[str] | None = Field(None, description="Levels whose problems belong to the stage; all if left out.")
    domains: list[str] | None = Field(None, description="Domains (column `ability`); all if left out.")
    mix: dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None, description="Ratio of domains inside every batch, such as {math: 2.1, code: 1}."
    )
    until: PluginSpec | None = Field(None, description="Stage policy that ends the stage; its bound alone if left out.")
    max_steps: int = Field(ge=1, description="Bound: the stage ends after this many steps in any case.")
    export: bool = Field(False, description="Write the weights as a Hugging Face folder when the stage ends.")

    @model_validator(mode="before")
    @classmethod
    def _levels_as_text(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("levels"), list):
            return {**data, "levels": [str(level) for level in data["levels"]]}
        return data

    @model_validator(mode="after")
    def _mix_within_domains(self) -> Stage:
        if self.mix and self.domains and set(self.mix) != set(self.domains):
            raise ValueError(f"mix names {sorted(self.mix)} but domains are {sorted(self.domains)}")
        return self


class Refill(Model):
    """How rejected groups are replaced within a step."""

    attempts: int = Field(2, ge=0, description="How often the missing groups are drawn again; 0 turns refill off.")


class Back(Model):
    """Bounds on going back to an earlier stage."""

    limit: int = Field(1, ge=0, description="How often a run may go back.")
    min_stay: int = Field(1, ge=1, description="Steps in a stage after going back before it may advance again.")


class PluginLoading(Model):
    on_error: Literal["fail", "skip"] = Field("fail", description="What a plugin that cannot be loaded does to a run.")


def _half_the_processors() -> int:
    """Of the machine that this is asked on: the configuration is read on each node."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_MOST_PROCESSES, max(1, allowed // 2))


class VerdictBounds(Model):
    """How verdicts are made, whoever trains."""

    seconds: float = Field(30.0, gt=0, description="Time limit for one verdict; beyond it, it is not_judged.")
    processes: int = Field(
        default_factory=_half_the_processors,
        ge=1,
        le=_MOST_PROCESSES,
        description="Verdict processes on each node; half of its processors if left out. "
        "Twice as many while some calls are slow.",
    )
    concurrency: int = Field(
        256,
        ge=1,
        description="Calls at a time of each reward that only waits, for a server or a sandbox; on each node.",
    )


class Judging(VerdictBounds):
    """How verdicts are made."""

    most_not_judged: float = Field(
        0.5, ge=0, le=1, description="Share of a step's rollouts that may be not_judged; 1 sets no bound."
    )
    not_judged_steps: int = Field(
        5, ge=1, description="A run stops when so many steps in a row were above `most_not_judged`."
    )
    rollout_seconds: float = Field(
        3600.0,
        gt=0,
        description="A step's rollouts that take longer than this in all are given up as not_judged; "
        "a validation that does ends the run, which goes on from its last checkpoint.",
    )


class Config(Model):
    """Everything under `stagerl`."""

    name: str = Field("stagerl", description="The run's name: it writes to `runs/NAME`.")
    seed: int = Field(0, ge=0, description="Seeds draws, rollouts and everything else that is ours.")
    device: Literal["cpu"] | None = Field(None, description="`cpu` asks for the CPU platform.")
    max_steps: int | None = Field(None, ge=1, description="Bound of the whole run; the stages' alone if left out.")
    stages: dict[str, Stage] = Field(min_length=1, description="The stages, in their order.")
    sampler: PluginSpec = Field(default={"uniform": {}}, description="Chooses the problems of a step.")
    gates: PluginSpec = Field(default={}, description="Gates that a finished group must all pass, in their order.")
    guards: PluginSpec = Field(default={}, description="Stage policies that watch the whole run.")
    difficulty: PluginSpec = Field(default={}, description="Difficulty metrics to keep, by name.")
    rewards: dict[str, PluginSpec] = Field(
        default={"default": {"math": {}}}, description="Reward of each `data_source`; `default` for all others."
    )
    refill: Refill = Refill()
    back: Back = Back()
    judging: Judging = Judging()
    plugins: PluginLoading = PluginLoading()
    accept_changes: list[str] = Field(
        default=[], description="Keys in which a resumed run may differ from its beginning."
    )
    verl: dict[str, Any] = Field(default={}, description="verl's own settings, dotted or nested; only in a file.")

    @model_validator(mode="before")
    @classmethod
    def _rewards_as_specs(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and isinstance(data.get("rewards"), Mapping):
            return {**data, "rewards": {source: _as_spec(spec) for source, spec in data["rewards"].items()}}
        return data

    @field_validator("name")
    @classmethod
    def _name_of_a_folder(cls, name: str) -> str:
        if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise ValueError("a run's name has letters, digits, _ . and -, and begins with no dot")
        return name

    @field_validator("stages")
    @classmethod
    def _names_of_stages(cls, stages: dict[str, Stage]) -> dict[str, Stage]:
        for name in stages:  # folders and dotted keys are named after them
            if not re.fullmatch(r"\w[\w-]*", name, re.ASCII):
                raise ValueError(f"a stage's name has letters, digits, _ and -, got '{name}'")
        return stages

    @property
    def planned_steps(self) -> int:
        """Steps the run takes if no policy ends a stage early or goes back."""
        total = sum(stage.max_steps for stage in self.stages.values())
        return total if self.max_steps is None else min(total, self.max_steps)

    @property
    def most_steps(self) -> int:
        """No run is longer, however often it goes back: from where it is then, it has a plan's steps at most."""
        return self.planned_steps * (1 + self.back.limit) if self.max_steps is None else self.max_steps


def on_plugin_error(raw: Mapping[str, Any]) -> str:
    """`plugins.on_error` of a configuration that cannot be validated yet: that needs the plugins themselves."""
    loading = raw.get("plugins")
    return str(loading.get("on_error", "fail")) if isinstance(loading, Mapping) else "fail"


def parse(raw: Mapping[str, Any], plugins: Plugins) -> Config:
    """Validate a configuration and the options of every plugin that it names.

    Raises:
        UserError: One line: the path of the first wrong key, its value, and the nearest right one.
    """
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise UserError(explain(error, Config, "")) from error
    _check_plugins(config, plugins)
    return config


def parse_options(plugins: Plugins, kind: str, spec: Any, path: str) -> tuple[str, BaseModel]:
    """The name and the validated options of the one plugin that `spec` names.

    Raises:
        UserError: Not exactly one plugin, an unknown one, or wrong options; names the path of the key.
        PluginError: A validator of the options raised what says nothing about them.
    """
    spec = _as_spec(spec)
    if not isinstance(spec, Mapping) or len(spec) != 1:
        shown = ", ".join(spec) if isinstance(spec, Mapping) else repr(spec)
        raise UserError(f"{path}: expected the name of one {kind}, got {shown or 'none'}")
    ((name, options),) = spec.items()
    try:
        registration = plugins.find(kind, name)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(options, Mapping):
        raise UserError(f"{path}.{name}: expected options as a mapping, got {options!r}")
    try:  # as JSON, in which a strict model takes text for a path and a list for a tuple, but no `true` for a number
        return name, registration.options.model_validate_json(to_json(options, inf_nan_mode="constants"))
    except PydanticSerializationError as error:
        raise UserError(f"{path}.{name}: options hold numbers, text, lists and mappings, got {options!r}") from error
    except ValidationError as error:
        raise UserError(explain(error, registration.options, f"{path}.{name}")) from error
    except UserError as error:
        raise at(f"{path}.{name}", error) from error
    except Exception as error:
        raised = f"its options raised {account_of(error)}"
        raise PluginError(f"{path}.{name}: {registration}: {raised}") from error


def _check_plugins(config: Config, plugins: Plugins) -> None:
    parse_options(plugins, "sampler", config.sampler, "sampler")
    for kind, field in (("gate", "gates"), ("stage_policy", "guards"), ("difficulty_metric", "difficulty")):
        for name, options in getattr(config, field).items():
            parse_options(plugins, kind, {name: options}, field)
    for source, spec in config.rewards.items():
        parse_options(plugins, "reward", spec, f"rewards.{source}")
    for name, stage in config.stages.items():
        if stage.until is not None:
            parse_options(plugins, "stage_policy", stage.until, f"stages.{name}.until")


def explain(error: ValidationError, model: type[BaseModel], path: str) -> str:
    """One complaint of pydantic in one line: an unknown key first, as a misspelt one makes another key missing."""
    first = min(error.errors(), key=lambda complaint: complaint["type"] != "extra_forbidden")
    location = [str(part) for part in first["loc"]]
    where, value = _dotted(path, *location), first["input"]
    if first["type"] == "extra_forbidden":
        at_top = model is Config and len(location) == 1
        return f"{where}: unknown key; {_meant(location[-1], _fields_at(model, location[:-1]), at_top)}"
    if first["type"] == "missing":
        return f"{where}: is missing"
    if location[-1:] == ["[key]"]:
        return f"{_dotted(path, *location[:-2])}: a name is text, got {value!r}: put it in quotes"
    if first["type"] in ("dict_type", "model_type"):
        return f"{where}: expected keys and values{_as_keys(value)}, got {value!r}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = "" if isinstance(value, Mapping) else f", got {value!r}"
    return f"{where}: {message}{shown}"


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part) or "the configuration"


def _meant(key: str, known: list[str], at_top: bool) -> str:
    """What an unknown key was meant to be."""
    head, *rest = key.split(".")
    if rest and head in known:
        nested = "…"
        for part in reversed(rest):
            nested = f"{{{part}: {nested}}}"
        return f"in a file it is nested: `{head}: {nested}`"
    if at_top and head == "stagerl":
        return "leave out `stagerl.`: what stands below it for verl stands at the top here"
    hint = nearest(key, known)
    if at_top and head in VERL_SECTIONS:
        below = f"verl's own keys stand below `verl` in a file: verl.{key}"
        return f"{hint} {below}" if hint.startswith("did you mean") else below
    return hint


def _as_keys(value: Any) -> str:
    """How to write as keys and values what was given otherwise, if that is clear."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return f" such as {{{', '.join(f'{name}: {{}}' for name in value)}}}"
    return " ({} for none)" if value is None else ""


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """Names of the fields that are known where an unknown key was found."""
    for part in location:
        field = model.model_fields.get(part)
        if field is None:
            continue  # the name of a stage
        inner = field.annotation
        candidates = [inner, *getattr(inner, "__args__", ())]
        models = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if models:
            model = models[0]
    return list(model.model_fields)
