"""The groups of one step, from the draw to the batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from stagerl_plugins.types import Admission, Group, PromptRequest, Rollout, StepRecord


@dataclass(slots=True)
class Entry:
    """One drawn prompt. `keys` are verl's keys of its rollouts' rows, by rollout."""

    uid: str
    request: PromptRequest
    n: int
    response_budget: int
    group: Group | None = None
    admission: Admission | None = None
    keys: list[list[str]] = field(default_factory=list)

    @property
    def rollouts(self) -> tuple[Rollout, ...]:
        """Its finished rollouts; none before the group is finished."""
        return self.group.rollouts if self.group is not None else ()

    @property
    def trained_keys(self) -> list[str]:
        """Rows that are trained on: those of judged rollouts, if the group was admitted."""
        if self.group is None or self.admission is None or not self.admission.admit:
            return []
        pairs = zip(self.rollouts, self.keys, strict=True)
        return [key for rollout, keys in pairs if rollout.verdict.judged for key in keys]


@dataclass(slots=True)
class StepBook:
    """Everything drawn in one step, in the order of the draw."""

    step: int
    stage: str
    entries: dict[str, Entry] = field(default_factory=dict)
    refills: int = 0

    def add(self, request: PromptRequest, n: int, response_budget: int) -> Entry:
        # verl splits keys at "_", so a uid may hold none; the order of the draw is the order of the text
        uid = f"s{self.step:08d}n{len(self.entries):06d}"
        entry = self.entries[uid] = Entry(uid, request, n, response_budget)
        return entry

    @property
    def open(self) -> list[Entry]:
        """Entries whose group is not finished yet."""
        return [entry for entry in self.entries.values() if entry.group is None]

    @property
    def admitted(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.admission is not None and entry.admission.admit]

    def record(self) -> StepRecord:
        """What happened, for the curriculum and the event hooks."""
        pairs = [
            (e.group, e.admission) for e in self.entries.values() if e.group is not None and e.admission is not None
        ]
        generated = sum(group.tokens for group, _ in pairs)
        admitted = [group for group, admission in pairs if admission.admit]
        trained = sum(r.tokens for group in admitted for r in group.rollouts if r.verdict.judged)
        rejected = generated - sum(group.tokens for group in admitted)
        return StepRecord(self.step, self.stage, tuple(pairs), generated, rejected, trained)
