"""The curriculum as a trainer asks it: stages, pools, mixes, refills, rollbacks, and rows that come and go."""

from collections import Counter

import numpy as np
import pytest

from stagerl_plugins.config import parse
from stagerl_plugins.curriculum.curriculum import Curriculum
from stagerl_plugins.errors import PluginError, UserError
from stagerl_plugins.plugins import Options, Registration, load_plugins
from stagerl_plugins.problems import Problems
from stagerl_plugins.protocols import Sampler, StagePolicy
from stagerl_plugins.types import Decision, Group, Move, Outcome, PromptRequest, Rollout, StepRecord, Verdict

PLUGINS = load_plugins()


def problems(count=40, drop=()):
    """Every third is code; the first half easy, all but the first quarter hard."""
    kept = [number for number in range(count) if number not in drop]
    return Problems(
        ids=[f"p{number}" for number in kept],
        domains=["code" if number % 3 == 0 else "math" for number in kept],
        levels={
            "easy": np.array([number < count // 2 for number in kept]),
            "hard": np.array([number >= count // 4 for number in kept]),
        },
    )


def curriculum(table=None, **raw):
    raw.setdefault(
        "stages", {"easy": {"levels": ["easy"], "max_steps": 3}, "hard": {"levels": ["hard"], "max_steps": 3}}
    )
    return Curriculum(parse(raw, PLUGINS), table or problems(), PLUGINS)


def finished(one, request, scores=(1.0, 0.0)):
    outcomes = [Verdict(Outcome.CORRECT if s else Outcome.WRONG, s) if s is not None else None for s in scores]
    rollouts = tuple(Rollout(verdict or Verdict.not_judged("lost"), 5) for verdict in outcomes)
    return Group(request.index, one.problems.ids[request.index], one.stage, one.step, rollouts)


def run_step(one, step, count=6, scores=(1.0, 0.0)):
    """One step without a trainer; returns ids that were drawn."""
    decision = one.decide(step)
    if not one.visits:
        one.start(step)
    elif decision.move is Move.ADVANCE:
        one.advance(step, decision)
    one.begin_step(step)
    requests = one.draw(count)
    groups = [finished(one, request, scores) for request in requests]
    one.observe(StepRecord(step, one.stage, tuple((group, one.admit(group)) for group in groups)), count)
    return [group.problem for group in groups]


def test_a_stage_draws_from_its_levels_alone_and_ends_at_its_bound():
    one = curriculum()
    numbers = {step: [int(name[1:]) for name in run_step(one, step)] for step in range(1, 7)}
    assert all(number < 20 for step in (1, 2, 3) for number in numbers[step])
    assert all(number >= 10 for step in (4, 5, 6) for number in numbers[step])
    assert one.decide(7).move is Move.ADVANCE
    assert one.next_stage is None


def test_refills_never_repeat_a_problem_of_the_step():
    one = curriculum()
    one.start(1)
    one.begin_step(1)
    drawn = [request.index for _ in range(4) for request in one.draw(5)]
    assert sorted(drawn) == list(range(20))
    assert one.draw(5) == []


def test_what_one_domain_lacks_the_others_give():
    one = curriculum(stages={"all": {"levels": ["easy"], "mix": {"math": 1, "code": 3}, "max_steps": 9}})
    one.start(1)
    one.begin_step(1)
    domains = [str(one.problems.domains[request.index]) for request in one.draw(16)]
    assert domains.count("code") == 7  # all there are
    assert len(domains) == 16
    assert one.metrics()["mix/starved/code"] == 5


def test_fewer_than_two_judged_rollouts_are_rejected_before_any_gate():
    one = curriculum(gates="zero_variance")
    one.start(1)
    one.begin_step(1)
    (request,) = one.draw(1)
    assert one.admit(finished(one, request, (1.0, None))).reason == "too few judged rollouts"
    assert not one.admit(finished(one, request, (1.0, 1.0))).admit
    assert one.admit(finished(one, request, (1.0, 0.0))).admit


def test_with_a_critic_one_judged_rollout_is_enough():
    raw = {"gates": "zero_variance", "stages": {"all": {"max_steps": 3}}}
    one = Curriculum(parse(raw, PLUGINS), problems(), PLUGINS, least_judged=1)
    one.start(1)
    one.begin_step(1)
    (request,) = one.draw(1)
    assert one.admit(finished(one, request, (1.0,))).admit
    assert one.admit(finished(one, request, (1.0, None))).admit
    assert not one.admit(finished(one, request, (None,))).admit


def test_state_is_matched_by_id_when_rows_come_and_go():
    raw = {"difficulty": {"running_pass_rate": {}}, "stages": {"all": {"max_steps": 50}}}
    one = curriculum(**raw)
    for step in range(1, 5):
        run_step(one, step, count=10)
    other = curriculum(problems(44, drop=(3, 5)), **raw)
    assert other.load_state_dict(one.state_dict()) == {"gained": 4, "lost": 2}

    def mean(curriculum, name):
        metric = curriculum.tree.nodes["difficulty.running_pass_rate"].part
        return metric.estimate(np.array([curriculum.problems.index_of(name)])).mean[0]

    assert all(mean(one, f"p{n}") == mean(other, f"p{n}") for n in range(40) if n not in (3, 5))


def test_a_plugin_in_another_s_place_begins_anew_and_all_others_go_on():
    def with_sampler(sampler):
        return curriculum(sampler=sampler, difficulty={"running_pass_rate": {}}, stages={"all": {"max_steps": 50}})

    one = with_sampler({"greso": {"inner": "uniform"}})
    for step in range(1, 5):
        run_step(one, step, count=10)
    fresh, other = with_sampler("mopps"), with_sampler("mopps")
    other.load_state_dict(one.state_dict())
    assert other.step == 4
    for path, like in (("sampler", fresh), ("difficulty.running_pass_rate", one)):
        np.testing.assert_equal(other.tree.state()[path], like.tree.state()[path])
    run_step(other, 5, count=10)


def test_going_back_restores_the_stage_s_end_with_fresh_random_numbers():
    one = curriculum(back={"min_stay": 2})
    for step in (1, 2, 3):
        run_step(one, step)
    saved = one.state_dict()
    first_try = run_step(one, 4)
    one.go_back(5, Decision(Move.BACK, "worse"), saved)
    assert (one.stage, one.stage_began_at, one.rollbacks) == ("easy", 5, 1)
    assert one.decide(6).move is Move.STAY
    one.begin_step(5)
    assert [one.problems.ids[r.index] for r in one.draw(6)] != first_try
    assert one._allowed(Move.BACK, 6) is False  # in the first stage there is nothing to go back to


class Retreat(StagePolicy):
    """Wants to go back, always."""

    def decide(self, context):
        return Decision(Move.BACK, "worse")


def test_where_the_run_cannot_go_back_others_are_heard():
    """With the checkpoint gone, a guard that asks for it forever must not keep a stage from its end."""
    plugins = load_plugins()
    plugins.registrations["stage_policy", "retreat"] = Registration(
        "stage_policy", "retreat", lambda options, setup: Retreat(), Options, "here", "0"
    )
    raw = {"guards": "retreat", "stages": {"one": {"max_steps": 1}, "two": {"max_steps": 2}}}
    one = Curriculum(parse(raw, plugins), problems(), plugins)
    run_step(one, 1)
    run_step(one, 2)
    assert one.decide(3).move is Move.BACK
    assert one.decide(3, can_go_back=False).move is Move.STAY
    run_step(one, 3)
    assert one.decide(4, can_go_back=False).move is Move.ADVANCE


def test_the_bound_of_the_run_stops_it():
    one = curriculum(max_steps=2)
    for step in (1, 2):
        run_step(one, step)
    assert one.decide(3).move is Move.STOP


class Rude(Sampler):
    """Returns whatever the test says."""

    def __init__(self, options, setup):
        pass

    def draw(self, context, count):
        return ANSWER


ANSWER: object = None


@pytest.fixture
def rude():
    class Plugin:
        stagerl_contract = 1

        @staticmethod
        def register_samplers(register):
            register("rude", Rude, Options)

    from stagerl_plugins.hookspecs import hookimpl

    Plugin.register_samplers = staticmethod(hookimpl(Plugin.register_samplers))
    plugins = load_plugins()
    plugins.add(Plugin(), "rude-plugins", "2.0")
    one = Curriculum(
        parse({"sampler": "rude", "stages": {"easy": {"levels": ["easy"], "max_steps": 1}}}, plugins),
        problems(),
        plugins,
    )
    one.start(1)
    one.begin_step(1)
    return one


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (None, "must return a list of PromptRequest"),
        ([3], "must return a list of PromptRequest"),
        ([PromptRequest(1), PromptRequest(1)], "a problem twice"),
        ([PromptRequest(n) for n in range(5)], "5 problems where at most 4"),
        ([PromptRequest(39)], "'p39', which is not in the pool"),
        ([PromptRequest(99)], "outside 0..39"),
        ([PromptRequest(-1)], "outside 0..39"),
        ([PromptRequest(0.5)], "an index that is no whole number"),
        ([PromptRequest(1, n=0)], "n=0: expected 2 or more"),
        ([PromptRequest(1, n=1)], "n=1: expected 2 or more"),
        ([PromptRequest(1, n="4")], "n='4': expected 2 or more"),
        ([PromptRequest(1, settings={"response_budget": 0})], "response_budget, 1 token or more"),
        ([PromptRequest(1, settings={"response_budget": "x"})], "response_budget, 1 token or more"),
        ([PromptRequest(1, settings={"temperature": 2})], "settings"),
    ],
)
def test_a_sampler_that_breaks_the_contract_is_named(rude, answer, line):
    global ANSWER
    ANSWER = answer
    with pytest.raises(PluginError, match=r"sampler 'rude' of rude-plugins 2\.0") as error:
        rude.draw(4)
    assert line in str(error.value)


@pytest.mark.parametrize(
    ("stage", "line"),
    [
        ({"levels": ["esay"]}, "no level 'esay': did you mean 'easy'?"),
        ({"domains": ["maths"]}, "no domain 'maths': did you mean 'math'?"),
        ({"mix": {"math": 1, "cod": 1}}, "no domain 'cod': did you mean 'code'?"),
        ({"levels": []}, "no problem belongs to this stage"),
    ],
)
def test_a_stage_that_fits_no_problems_is_one_line(stage, line):
    with pytest.raises(UserError, match=r"stages\.s") as error:
        curriculum(stages={"s": {**stage, "max_steps": 1}})
    assert line in str(error.value)


def mixed_steps(ratio, batch, rejected, steps, refills=2):
    """What was trained of each domain in each step, where a part of each domain's groups is rejected."""
    table = Problems([f"p{n}" for n in range(4000)], ["code" if n % 2 else "math" for n in range(4000)])
    stages = {"all": {"mix": ratio, "max_steps": 999}}
    one = curriculum(table, stages=stages, gates="zero_variance", refill={"attempts": refills})
    one.start(1)
    rng, trained = np.random.default_rng(0), []
    for step in range(1, steps + 1):
        one.begin_step(step)
        groups, missing = [], batch
        for attempt in range(1 + refills):
            for request in one.draw(missing, last=attempt == refills):
                domain = str(table.domains[request.index])
                scores = (1.0, 1.0) if rng.random() < rejected.get(domain, 0) else (1.0, 0.0)
                group = finished(one, request, scores)
                groups.append((group, one.admit(group)))
            missing = batch - sum(admission.admit for _, admission in groups)
        one.observe(StepRecord(step, "all", tuple(groups)), batch)
        trained.append(Counter(str(table.domains[group.index]) for group, admission in groups if admission.admit))
    return trained


@pytest.mark.parametrize(("ratio", "batch"), [({"math": 1, "code": 1}, 8), ({"math": 2.1, "code": 1}, 128)])
@pytest.mark.parametrize(("rate", "filled"), [(0.9, 0.95), (1.0, 1.0)])
def test_a_domain_whose_groups_are_rejected_does_not_take_the_batch_with_it(ratio, batch, rate, filled):
    trained = mixed_steps(ratio, batch, {"code": rate}, 40)
    assert sum(trained, Counter()).total() >= filled * 40 * batch


def test_the_mix_stays_exact_where_refills_can_make_up_for_what_is_rejected():
    trained = mixed_steps({"math": 2.1, "code": 1}, 128, {"math": 0.3, "code": 0.5}, 40)
    total = sum(trained, Counter())
    assert total["math"] / total["code"] == pytest.approx(2.1, rel=0.01)


@pytest.mark.parametrize("move", ["stay", "back", Move.STAY])
def test_a_policy_may_name_its_move(move):
    assert Decision(move).move is Move(move)
