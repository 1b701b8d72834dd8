"""The mix of domains: whole numbers in each batch, exact in the long run."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stagerl_plugins.curriculum.mix import Mix

ratios = st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 10), min_size=1)


def test_the_paper_s_ratio_is_exact_over_31_steps():
    mix, trained = Mix({"math": 2.1, "code": 1}), Counter()
    for _ in range(31):
        parts = mix.split(128, {})
        assert sum(parts.values()) == 128
        mix.settle(parts, 128)
        trained.update(parts)
    assert trained == {"math": 2688, "code": 1280}  # 2.1 : 1


@given(ratios, st.lists(st.integers(1, 64), min_size=1, max_size=30))
def test_no_domain_is_ever_a_whole_prompt_away_from_its_share(ratio, batches):
    mix, trained = Mix(ratio), Counter()
    for size in batches:
        parts = mix.split(size, {})
        mix.settle(parts, size)
        trained.update(parts)
    for domain, share in mix.shares.items():
        assert abs(trained[domain] - share * sum(batches)) < len(ratio)


@given(ratios, st.data())
def test_what_a_gate_rejected_is_repaid_in_later_batches(ratio, data):
    mix, trained = Mix(ratio), Counter()
    for _ in range(10):
        parts = mix.split(32, {})
        kept = {domain: data.draw(st.integers(max(0, n - 2), n)) for domain, n in parts.items()}
        mix.settle(kept, 32)
        trained.update(kept)
    for _ in range(10):
        parts = mix.split(32, {})
        mix.settle(parts, 32)
        trained.update(parts)
    for domain, share in mix.shares.items():
        assert abs(trained[domain] - share * trained.total()) <= len(ratio)


@given(ratios, st.integers(1, 64))
def test_a_debt_is_at_most_one_batch(ratio, size):
    mix = Mix(ratio)
    starved = next(iter(ratio))
    for _ in range(20):
        parts = mix.split(size, {})
        mix.settle({domain: n for domain, n in parts.items() if domain != starved}, size)
    assert all(abs(debt) <= size for debt in mix.owed.values())


def test_a_refill_asks_for_what_the_batch_lacks():
    mix = Mix({"math": 1, "code": 1})
    assert mix.split(4, {"math": 6, "code": 2}) == {"math": 0, "code": 4}
