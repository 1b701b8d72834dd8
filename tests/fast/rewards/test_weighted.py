"""Several rewards for one problem: their weighted sum, and each as a part of its own."""

import asyncio

import pytest

from stagerl_plugins import Outcome, Reward, UserError, Verdict, reward
from stagerl_plugins.rewards.judge import check_rewards


@reward
async def right(response):
    """Whether the response is the ground truth."""
    return Verdict(Outcome.CORRECT if response.text == "42" else Outcome.WRONG, float(response.text == "42"), "seen")


@reward
async def letters(response):
    """Its length, with a part."""
    return Verdict(Outcome.PARTIAL, float(len(response.text)), parts={"twice": 2.0 * len(response.text)})


@reward
async def down(response):
    """Never answers."""
    raise ConnectionError("server down")


@pytest.fixture
def plugins(registered):
    return registered(right=right, letters=letters, down=down)


def weighted(**rewards):
    return {"weighted": {"rewards": {name: {"reward": spec, "weight": w} for name, (spec, w) in rewards.items()}}}


def test_the_score_is_the_weighted_sum_and_the_outcome_is_that_of_the_first(court, plugins):
    spec = weighted(answer=("right", 1.0), length=({"letters": {}}, -0.25))
    good, bad = court(spec, plugins).verdicts("42", "no idea")
    assert good == Verdict(Outcome.CORRECT, 0.5, "seen", {"answer": 1.0, "length": 2.0, "length/twice": 4.0})
    assert (bad.outcome, bad.score) == (Outcome.WRONG, -1.75)


def test_weight_is_1_if_left_out_and_0_keeps_a_metric_alone(court, plugins):
    spec = {"weighted": {"rewards": {"answer": {"reward": "right"}, "length": {"reward": "letters", "weight": 0}}}}
    (verdict,) = court(spec, plugins).verdicts("42")
    assert (verdict.score, verdict.parts["length"]) == (1.0, 2.0)


def test_the_sum_is_not_known_where_one_reward_could_not_judge(court, plugins):
    made = court(weighted(answer=("right", 1.0), server=("down", 0.1)), plugins)
    why = "reward 'down' of acme-rewards 1.2: raised ConnectionError: server down"
    assert made.verdicts("42", "43") == [Verdict.not_judged(f"server: {why}")] * 2
    assert made.reports == [f"{why} (not_judged; told once, counted from here on)"]
    assert made.judge.failures == {"down": 2}  # and not what asked it


def test_one_without_weight_may_fail_unless_it_is_the_first(court, plugins):
    (fine,) = court(weighted(answer=("right", 1.0), server=("down", 0.0)), plugins).verdicts("42")
    assert fine == Verdict(Outcome.CORRECT, 1.0, "seen", {"answer": 1.0})
    (lost,) = court(weighted(server=("down", 0.0), answer=("right", 1.0)), plugins).verdicts("42")
    assert not lost.judged


def test_weighted_rewards_may_be_nested(court, plugins):
    inner = weighted(length=("letters", 0.5), server=("down", 0.0))
    made = court(weighted(answer=("right", 1.0), form=(inner, 2.0)), plugins)
    (verdict,) = made.verdicts("42")
    assert verdict.score == 3.0
    assert verdict.parts == {"answer": 1.0, "form": 1.0, "form/length": 2.0, "form/length/twice": 4.0}
    inner["weighted"]["rewards"]["server"]["weight"] = 1.0
    failing = court(weighted(answer=("right", 1.0), form=(inner, 2.0)), plugins)
    (lost,) = failing.verdicts("42")
    assert lost.detail.startswith("form: server: reward 'down' of acme-rewards 1.2: raised")
    assert failing.judge.failures == {"down": 1}


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (weighted(answer=("rihgt", 1.0)), r"answer\.reward: no reward is called 'rihgt': did you mean 'right'\?"),
        (weighted(answer=({"math": {"second": 1}}, 1.0)), r"answer\.reward\.math\.second: unknown key; did you mean"),
        (weighted(answer=({"code": {"sandbox": "locl"}}, 1.0)), r"answer\.reward\.code\.sandbox: no sandbox is called"),
        (
            weighted(answer=("broken", 1.0)),
            r"answer\.reward: reward 'broken' of acme-rewards 1\.2 cannot be built: Key",
        ),
        (weighted(answer=("choosy", 1.0)), r"answer\.reward\.choosy: no such judge$"),
        (
            {"weighted": {"rewards": {"a": {"reward": "right", "wieght": 1}}}},
            r"a\.wieght: unknown key; did you mean 'we",
        ),
        (
            {"weighted": {"rewards": {"a": {"reward": "right", "weight": "1"}}}},
            r"a\.weight: input should be a valid num",
        ),
        (
            weighted(answer=(weighted(inner=("rihgt", 1.0)), 1.0)),
            r"answer\.reward\.weighted\.rewards\.inner\.reward: no ",
        ),
    ],
)
def test_a_mistake_is_told_before_a_start_with_the_path_of_its_key(registered, spec, line):
    def broken(options, setup):
        raise KeyError("x")

    def choosy(options, setup):
        raise UserError("no such judge")

    broken.isolated = choosy.isolated = False
    plugins = registered(right=right, broken=broken, choosy=choosy)
    with pytest.raises(UserError, match=rf"rewards\.math\.weighted\.rewards\.{line}") as told:
        check_rewards({"math": spec}, plugins)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("rewards", "line"),
    [({}, "at least 1 item"), ({"a/b": {"reward": "right"}}, "has letters, digits, _ and -, got 'a/b'")],
)
def test_other_names_and_none_are_refused(plugins, rewards, line):
    with pytest.raises(UserError, match=rf"^rewards\.math\.weighted\.rewards: .*{line}"):
        check_rewards({"math": {"weighted": {"rewards": rewards}}}, plugins)


def test_a_reward_that_builds_itself_for_ever_is_one_line(registered):
    def endless(options, setup):
        return setup.build("reward", "endless", "inner")

    endless.isolated = False
    with pytest.raises(
        UserError, match=r"reward 'endless' of acme-rewards 1\.2 cannot be built: RecursionError"
    ) as told:
        check_rewards({"math": "endless"}, registered(endless=endless))
    assert "\n" not in str(told.value)


class Twice(Reward):
    """Asks two rewards under one name."""

    isolated = False

    def __init__(self, options, setup):
        for _ in range(2):
            setup.build("reward", "right", "inner")


class TooLate(Reward):
    """Builds when it is asked."""

    isolated = False

    def __init__(self, options, setup):
        self.setup = setup

    async def score(self, responses):
        return await self.setup.build("reward", "right", "inner").score(responses)


def test_two_children_need_two_names_and_are_built_in_the_factory(court, registered):
    plugins = registered(right=right, twice=Twice, too_late=TooLate)
    with pytest.raises(
        Exception, match=r"^rewards\.default: two rewards want the place 'rewards\.default\.twice\.inner'$"
    ):
        court("twice", plugins)
    (verdict,) = court("too_late", plugins).verdicts("42")
    assert "setup.build may be called in a factory alone" in verdict.detail


def test_each_reward_has_its_own_time(court, registered):
    async def hangs(response):
        """Waits for ever."""
        await asyncio.sleep(3600)

    plugins = registered(right=right, hangs=reward(hangs))
    spec = weighted(answer=("right", 1.0), server=("hangs", 1.0))
    (verdict,) = court(spec, plugins, seconds=0.1).verdicts("42")
    assert verdict.detail == "server: reward 'hangs' of acme-rewards 1.2: took longer than 0.1 s"
