"""What the commands of `stagerl` share: a type of numbers, and how results are printed."""

from __future__ import annotations

from contextlib import nullcontext
from math import isfinite
from typing import Any

import click

from stagerl_plugins.standard_output import standard_output


class FiniteRange(click.FloatRange):
    """A range of numbers, infinity and NaN not among them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"'{value}' is no finite number", param, ctx)
        return number


def print_results(*results: Any, err: bool = False) -> None:
    """Print for people on standard output, or standard error, with a blank line between.

    Raises:
        UserError: Standard output cannot be written.
    """
    from rich.console import Console

    console = Console(soft_wrap=True, stderr=err, markup=False, emoji=False)  # names of data may look like either
    if not console.is_terminal:
        console.width = 1000  # a file has room for a table's long names
    with nullcontext() if err else standard_output():
        for place, result in enumerate(results):
            if place:
                console.print()
            console.print(result)
