"""An exact mix of domains inside every batch, balanced over steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Mix:
    """Splits batches by a ratio of domains and remembers what it still owes.

    A batch of N gets whole numbers of prompts, so a ratio such as 2.1 : 1 cannot hold in one batch. What a domain got
    too little of is owed to it and repaid in later batches, so that the long-run ratio is exact; a debt never exceeds
    one batch. While it is repaid each domain keeps half of its share, so that one whose groups are all rejected does
    not take the whole batch with it.

    Args:
        ratio: Positive weight of each domain, on any scale.
    """

    def __init__(self, ratio: Mapping[str, float]) -> None:
        total = sum(ratio.values())
        self.shares = {domain: weight / total for domain, weight in ratio.items()}
        self.owed = dict.fromkeys(ratio, 0.0)

    def split(self, count: int, batch: Mapping[str, int], without: Collection[str] = ()) -> dict[str, int]:
        """How many of the next `count` prompts come from each domain.

        Args:
            count: Prompts to split.
            batch: What the batch already holds of each domain.
            without: Domains that get none, unless these are all.
        """
        size = sum(batch.values()) + count
        repaid = min([1.0, *(share * size / 2 / -self.owed[d] for d, share in self.shares.items() if self.owed[d] < 0)])
        lacking = {
            domain: share * size + repaid * self.owed[domain] - batch.get(domain, 0)
            for domain, share in self.shares.items()
            if domain not in without or self.shares.keys() <= set(without)
        }
        parts = dict.fromkeys(self.shares, 0)
        for _ in range(count):
            domain = max(lacking, key=lambda d: lacking[d])  # ties: the one named first
            parts[domain] += 1
            lacking[domain] -= 1.0
        return parts

    def settle(self, trained: Mapping[str, int], batch_size: int) -> None:
        """Book what was trained in a step; debts are cut at one batch's worth."""
        total = sum(trained.get(domain, 0) for domain in self.shares)
        for domain, share in self.shares.items():
            debt = self.owed[domain] + share * total - trained.get(domain, 0)
            self.owed[domain] = min(max(debt, -float(batch_size)), float(batch_size))
