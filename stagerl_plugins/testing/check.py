"""The one call that a plugin author's test makes."""

from __future__ import annotations

import difflib
import pickle
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import account_of
from stagerl_plugins.plugins import Plugins, Registration, load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import DifficultyMetric, Gate, Reward, Sampler, Sandbox, StagePolicy
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.testing.curriculum_checks import check_in_curriculum
from stagerl_plugins.testing.reward_checks import check_reward, check_sandbox
from stagerl_plugins.testing.simulation import simulated_problems

KINDS: dict[str, type] = {
    "sampler": Sampler,
    "gate": Gate,
    "stage_policy": StagePolicy,
    "difficulty_metric": DifficultyMetric,
    "reward": Reward,
    "sandbox": Sandbox,
}


def check_plugin(
    kind: str,
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    plugins: Plugins | None = None,
    problems: Problems | None = None,
    ground_truth: Any = "42",
    data_source: str = "math",
) -> None:
    """Test that a registered plugin keeps the contract.

    Every plugin: the options are accepted, wrong ones are refused, and they travel to other processes. What lives in
    the curriculum is then used in simulated runs of some 25 steps: its answers are valid, asking changes nothing, its
    state goes through JSON and NumPy files and has no numbers by row, and runs that are killed and resumed repeat the
    undisturbed one. Rewards judge responses of every awkward sort; sandboxes keep their bounds.

    Args:
        kind: `sampler`, `gate`, `stage_policy`, `difficulty_metric`, `reward` or `sandbox`.
        name: The name that it is registered under.
        options: Options to test it with; a policy should be able to decide within 25 steps.
        plugins: Where it is registered; all installed plugins if left out.
        problems: Problems for the simulated runs, of the domains `math` and `code`; made up if left out.
        ground_truth: For a reward: a ground truth that it understands.
        data_source: For a reward: the data source of the responses.

    Raises:
        ContractError: It does not; says what it must do.
        UserError: There is no such plugin, or the options are wrong.
        TypeError: `options`, `plugins` or `problems` are something else.
    """
    _check_arguments(options=(options, Mapping), plugins=(plugins, Plugins), problems=(problems, Problems))
    plugins = load_plugins() if plugins is None else plugins
    registration = plugins.find(kind, name)
    options = dict(options or {})
    _check_options(registration, options, plugins)
    _check_methods(registration)
    if kind == "reward":
        check_reward(registration, options, plugins, ground_truth, data_source)
    elif kind == "sandbox":
        check_sandbox(registration, options, plugins)
    else:
        check_in_curriculum(registration, options, plugins, simulated_problems() if problems is None else problems)


def _check_arguments(**arguments: tuple[Any, type]) -> None:
    for name, (value, wanted) in arguments.items():
        if value is not None and not isinstance(value, wanted):
            raise TypeError(f"{name} must be a {wanted.__name__}, got {value!r:.200}")


def _check_methods(registration: Registration) -> None:
    """A misspelt method would never be called."""
    base = KINDS[registration.kind]
    known = {name for name in dir(base) if not name.startswith("_")}
    for name in vars(registration.factory) if isinstance(registration.factory, type) else ():
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if close and name not in known and not name.startswith("_"):
            raise ContractError(
                f"{registration}: nothing calls `{name}`: did you mean `{close[0]}`? (else begin it with _)"
            )


def _check_options(registration: Registration, options: Mapping[str, Any], plugins: Plugins) -> None:
    if not registration.summary:
        raise ContractError(f"{registration}: needs a docstring; its first line is what `stagerl plugins` shows")
    spec = {registration.name: options}
    _, parsed = parse_options(plugins, registration.kind, spec, registration.kind)
    try:
        arrived = pickle.loads(pickle.dumps((registration.name, parsed)))  # noqa: S301  our own bytes
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ContractError(f"{registration}: its options cannot be sent to another process: {error}") from error
    if arrived != (registration.name, parsed):
        raise ContractError(f"{registration}: its options change on the way to another process")
    _check_defaults(registration, parsed)
    if _takes(registration, parsed, "no_such_option"):
        raise ContractError(f"{registration}: takes the unknown option 'no_such_option': forbid others")
    for key, field in registration.options.model_fields.items():
        if field.annotation is not Any and _takes(registration, parsed, field.alias or key):
            raise ContractError(f"{registration}: takes any object for the option '{key}': declare its type")


def _check_defaults(registration: Registration, options: BaseModel) -> None:
    """Pydantic takes a default as it is."""
    values = {field.alias or key: getattr(options, key) for key, field in type(options).model_fields.items()}
    try:
        type(options).model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ContractError(
            f"{registration}: the default of its option '{key}' is refused: {first['msg']}, got {first['input']!r:.200}"
        ) from error


def _takes(registration: Registration, options: BaseModel, key: str) -> bool:
    """Whether a value that is of no type options may have is taken for `key`, beside these options."""
    try:
        type(options).model_validate({**options.model_dump(by_alias=True), key: object()})
    except ValidationError:
        return False
    except Exception as error:
        raise ContractError(
            f"{registration}: its options raised {account_of(error)} for a '{key}' of another type: raise ValueError"
        ) from error
    return True
