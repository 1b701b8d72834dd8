"""Conditions on problems, such as `p15 == 0 and 0 < p7 < 1`, evaluated for all problems at once.

A condition compares (`<`, `<=`, `==`, `!=`, `>`, `>=`, also chained), and joins comparisons by `and`, `or`, `not` and
parentheses. It may compare numbers, the name of a grader (its pass rate), any other numeric column, `domain` with a
quoted text, and `quantile(NAME)`: the share of problems whose value is lower. Nothing else is understood.

A value that is missing makes its comparison undecided, and a condition is undecided where its missing values matter:
`p15 > 0 and p7 > 0` is false for a problem that p15 never solved, whether or not p7 has graded it.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagerl_plugins.errors import UserError, nearest
from stagerl_plugins.problems import Problems
from stagerl_plugins.types import BoolArray, FloatArray, IntArray

PASS_RATE = "pass_rate_"
MAX_LENGTH = 2000
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
HINTS = {
    r"&&|\|\|": " (join comparisons by 'and' or 'or')",
    r"[^=<>!]=[^=]": " (compare with '==')",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """What the names in a condition stand for: one value a problem, NaN where it is missing."""

    domains: NDArray[np.str_]
    numbers: Mapping[str, FloatArray]

    @staticmethod
    def of(problems: Problems) -> Columns:
        """All numeric columns; those called `pass_rate_NAME` also as NAME."""
        numbers = {name: problems.feature(name) for name in problems.feature_names}
        graders = {name.removeprefix(PASS_RATE): values for name, values in numbers.items() if is_pass_rate(name)}
        return Columns(problems.domains, {**numbers, **graders})

    def take(self, indices: IntArray) -> Columns:
        """The columns of these problems alone."""
        return Columns(self.domains[indices], {name: values[indices] for name, values in self.numbers.items()})


def is_pass_rate(column: str) -> bool:
    return column.startswith(PASS_RATE) and column != PASS_RATE


@dataclass(frozen=True, slots=True)
class Truth:
    """For which problems a condition certainly holds and certainly does not; the others are undecided."""

    true: BoolArray
    false: BoolArray

    @property
    def undecided(self) -> BoolArray:
        return ~(self.true | self.false)


Value = tuple[bool, Callable[[Columns], Any]]  # whether it is a number (else a text), and how to get it


class Condition:
    """A condition, read once and evaluated for any problems.

    Args:
        text: The condition.
        where: Where it stands, for errors.

    Raises:
        UserError: It is no condition.
    """

    def __init__(self, text: str, where: str) -> None:
        # for messages alone: a text in quotes may hold more spaces, and a line may end in a remark
        self.text = " ".join(text.split())
        self.where = where
        self.names: list[str] = []  # numeric names, in the order of their appearance
        self.domains: list[str] = []  # texts that a domain must equal
        if len(self.text) > MAX_LENGTH:
            raise UserError(f"{where}: is longer than {MAX_LENGTH} characters")
        try:
            tree = ast.parse(f"({text}\n)", mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            hint = next((hint for pattern, hint in HINTS.items() if re.search(pattern, self.text)), "")
            reason = error.msg if isinstance(error, SyntaxError) else "cannot be read"
            raise self._error(f"{reason}{hint}") from None
        self._evaluate = self._condition(tree.body)

    def evaluate(self, columns: Columns) -> Truth:
        """Where it holds and where not: two masks of shape (problems,).

        Raises:
            UserError: It names a column that the problems lack.
        """
        for name in self.names:
            if name not in columns.numbers:
                raise self._error(f"there is no grader or numeric column '{name}': {self._suggest(name, columns)}")
        with np.errstate(invalid="ignore"):
            return self._evaluate(columns)

    def check_domains(self, known: Iterable[str]) -> None:
        """Make sure that there are problems of each domain that is asked for.

        Raises:
            UserError: There are none of one.
        """
        domains = set(known)
        for domain in self.domains:
            if domain not in domains:
                raise self._error(f"no problem has the domain '{domain}': {nearest(domain, domains)}")

    def _suggest(self, name: str, columns: Columns) -> str:
        graders = [known for known in columns.numbers if PASS_RATE + known in columns.numbers]
        hint = nearest(name, [*columns.numbers, "domain"])
        return hint if hint.startswith("did you mean") else f"graders here are {', '.join(sorted(graders)) or 'none'}"

    def _error(self, message: str) -> UserError:
        return UserError(f"{self.where}: '{self.text}': {message}")

    def _condition(self, node: ast.expr) -> Callable[[Columns], Truth]:
        match node:
            case ast.BoolOp(op=joint, values=parts):
                return _joined([self._condition(part) for part in parts], isinstance(joint, ast.And))
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return _negated(self._condition(inner))
            case ast.Compare(left=first, ops=signs, comparators=others):
                values = [self._value(operand) for operand in (first, *others)]
                texts = [operand.value for operand in (first, *others) if isinstance(operand, ast.Constant)]
                if any(isinstance(sign, ast.Eq) for sign in signs):
                    self.domains += [text for text in texts if isinstance(text, str)]
                links = zip(values, signs, values[1:], strict=False)
                return _joined([self._comparison(left, sign, right) for left, sign, right in links], all_of=True)
        raise self._error(f"expected a comparison such as '0 < p15 < 1', got '{ast.unparse(node)}'")

    def _comparison(self, left: Value, sign: ast.cmpop, right: Value) -> Callable[[Columns], Truth]:
        compare = COMPARISONS.get(type(sign))
        if compare is None:
            raise self._error("only <, <=, ==, !=, > and >= compare")
        if left[0] != right[0]:
            raise self._error("a number is compared with a text; only 'domain' is a text")
        if not left[0]:
            if not isinstance(sign, ast.Eq | ast.NotEq):
                raise self._error("a domain is compared by == or != alone")
            return _decided(compare, left[1], right[1])
        return _compared(compare, left[1], right[1])

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as number):
                return self._number(number)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return self._number(-number)
            case ast.Constant(value=str() as text):
                return False, lambda columns: np.full(len(columns.domains), text)
            case ast.Name(id="domain"):
                return False, lambda columns: columns.domains
            case ast.Name(id=name):
                self._use(name)
                return True, lambda columns: columns.numbers[name]
            case ast.Call(func=ast.Name(id="quantile"), args=[ast.Name(id=name)], keywords=[]) if name != "domain":
                self._use(name)
                return True, lambda columns: quantile(columns.numbers[name])
        raise self._error(
            f"'{ast.unparse(node)}' is no grader, numeric column, 'domain', number, text or quantile(NAME)"
        )

    def _number(self, number: float) -> Value:
        try:
            value = float(number)
        except OverflowError:
            raise self._error("has a number that is too large") from None
        return True, lambda columns: np.full(len(columns.domains), value)

    def _use(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)


def quantile(values: FloatArray) -> FloatArray:
    """For each value the share of lower ones among those present, in [0, 1); NaN for NaN; float64, same shape."""
    present = np.sort(values[~np.isnan(values)])
    share = np.searchsorted(present, values, side="left") / max(len(present), 1)
    return np.where(np.isnan(values), np.nan, share)


def _joined(parts: list[Callable[[Columns], Truth]], all_of: bool) -> Callable[[Columns], Truth]:
    """Kleene's and (`all_of`) or or: one decisive part decides, whatever the undecided ones are."""
    every, some = (np.logical_and.reduce, np.logical_or.reduce)

    def evaluate(columns: Columns) -> Truth:
        truths = [part(columns) for part in parts]
        true, false = [truth.true for truth in truths], [truth.false for truth in truths]
        return Truth(every(true), some(false)) if all_of else Truth(some(true), every(false))

    return evaluate


def _negated(inner: Callable[[Columns], Truth]) -> Callable[[Columns], Truth]:
    def evaluate(columns: Columns) -> Truth:
        truth = inner(columns)
        return Truth(truth.false, truth.true)

    return evaluate


def _decided(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> Callable[[Columns], Truth]:
    def evaluate(columns: Columns) -> Truth:
        holds = compare(left(columns), right(columns))
        return Truth(holds, ~holds)

    return evaluate


def _compared(compare: Callable[[Any, Any], Any], left: Any, right: Any) -> Callable[[Columns], Truth]:
    def evaluate(columns: Columns) -> Truth:
        a, b = left(columns), right(columns)
        present = ~(np.isnan(a) | np.isnan(b))
        holds = compare(a, b)
        return Truth(holds & present, ~holds & present)

    return evaluate
