"""Which plugins are loaded, and what happens to those that cannot be."""

import re

import pytest

from stagerl_plugins import hookspecs
from stagerl_plugins.errors import PluginError, UserError

SAMPLER = """
@hookimpl
def register_samplers(register):
    register("{name}", Sampler)
"""
BUILT_INS = {
    ("sampler", "uniform"),
    ("stage_policy", "plateau"),
    ("gate", "zero_variance"),
    ("difficulty_metric", "pass_rate"),
    ("reward", "math"),
}


def test_a_package_s_plugins_stand_beside_the_built_ins(site):
    site.install("acme", SAMPLER.format(name="acme_sampler"), version="2.1")
    plugins = site.load()
    assert plugins.registrations.keys() >= {("sampler", "acme_sampler"), *BUILT_INS}
    assert str(plugins.find("sampler", "acme_sampler")) == "sampler 'acme_sampler' of acme 2.1"
    assert plugins.find("sampler", "uniform").distribution == "stagerl-plugins"


def test_a_misspelt_name_is_answered_with_the_nearest_one(site):
    with pytest.raises(UserError, match="no sampler is called 'unifrom': did you mean 'uniform'"):
        site.load().find("sampler", "unifrom")


def test_a_kind_that_is_none_is_answered_with_the_nearest_one(site):
    with pytest.raises(UserError, match="there is no kind of plugin 'difficulty': did you mean 'difficulty_metric'"):
        site.load().find("difficulty", "pass_rate")


# -- STAGERL_LOAD_PLUGINS ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ("acme", ["one"]),  # a distribution
        ("other_acme", ["two"]),  # an entry point
        ("acme, other-acme", ["one", "two"]),
        ("acme, sampler_uniform", ["one", "uniform"]),
        ("", []),  # not even the built-ins
    ],
)
def test_the_environment_limits_what_is_loaded(site, limit, names):
    site.install("acme", SAMPLER.format(name="one"))
    site.install("other-acme", SAMPLER.format(name="two"))
    assert [name for _, name in site.load(limit).registrations] == names


def test_what_is_not_allowed_is_not_even_imported(site):
    site.install("acme", "raise ValueError('imported')")
    assert site.load("stagerl-plugins").registrations.keys() >= BUILT_INS


def test_a_limit_that_names_nothing_installed_is_an_error(site):
    site.install("acme", SAMPLER.format(name="one"))
    with pytest.raises(UserError, match=r"^STAGERL_LOAD_PLUGINS names acne, which no installed package provides$"):
        site.load("acme,acne")


def test_a_distribution_that_lies_on_the_path_twice_counts_once(site):
    """As one that is installed over another: Python imports the first, and no duplicate is complained about."""
    site.install("acme", SAMPLER.format(name="one"))
    site.install("acme", SAMPLER.format(name="one"), version="0.9")
    assert list(site.load("acme").registrations) == [("sampler", "one")]


# -- two of one name --------------------------------------------------------------------------------------------------


def test_duplicates_are_refused_with_both_packages_named(site):
    site.install("acme", SAMPLER.format(name="best"), version="1.1")
    site.install("bemco", SAMPLER.format(name="best"), version="2.2")
    with pytest.raises(PluginError, match=r"'best' of acme 1\.1 and sampler 'best' of bemco 2\.2"):
        site.load()


def test_a_built_in_cannot_be_replaced(site):
    site.install("acme", SAMPLER.format(name="uniform"))
    with pytest.raises(PluginError, match=r"'uniform' of acme 1\.0 and sampler 'uniform' of stagerl-plugins"):
        site.load()


def test_duplicates_are_refused_even_where_broken_plugins_are_skipped(site):
    site.install("acme", SAMPLER.format(name="uniform"))
    with pytest.raises(PluginError, match=r"'uniform' of acme 1\.0 and sampler 'uniform' of stagerl-plugins"):
        site.load(on_error="skip")


def test_a_duplicate_is_told_with_the_ways_out(site):
    site.install("acme", SAMPLER.format(name="uniform"))
    with pytest.raises(PluginError, match="rename, uninstall one, or leave one out by STAGERL_LOAD_PLUGINS"):
        site.load()


def test_a_package_that_registers_a_name_twice_is_told_so(site):
    site.install("acme", SAMPLER.format(name="best") + "    register('best', Gate)")
    with pytest.raises(PluginError, match=r"^sampler 'best' of acme 1\.0 is registered twice: rename one of the two$"):
        site.load()


def test_two_kinds_may_share_a_name(site):
    site.install("acme", SAMPLER.format(name="best") + SAMPLER.format(name="best").replace("samplers", "gates"))
    assert set(site.load("acme").registrations) == {("sampler", "best"), ("gate", "best")}


# -- plugins that are broken ------------------------------------------------------------------------------------------

BROKEN = {
    "misspelt hook": (
        "@hookimpl\ndef register_sampler(register): pass",
        "there is no hook register_sampler: did you mean 'register_samplers'?",
    ),
    "hook without a mark": ("def register_samplers(register): pass", "put @hookimpl before it"),
    "hook without its argument": ("@hookimpl\ndef register_samplers(): pass", "must take one argument, `register`"),
    "failing import": ("import nothing_there", "cannot be imported: ModuleNotFoundError"),
    "no contract": ("del stagerl_contract", "declares no contract: add `stagerl_contract = 1`"),
    "newer contract": ("stagerl_contract = 2", "was made for contract 2, this is 1: update stagerl-plugins"),
    "misspelt argument": ("@hookimpl\ndef register_samplers(regster): pass", "regster"),
    "failing hook": (
        "@hookimpl\ndef register_gates(register): register('g', Gate); raise ValueError('no luck')",
        "ValueError('no luck') (",  # and where it was raised
    ),
    "contract of nothing": ("stagerl_contract = 0", "contract 0: it must be a number from 1 on"),
    "contract of a truth": ("stagerl_contract = True", "contract True: it must be a number from 1 on"),
    "contract of text": ("stagerl_contract = '1'", "contract"),
    "options of another sort": ("@hookimpl\ndef register_gates(register): register('g', Gate, dict)", "pydantic"),
    "no factory": ("@hookimpl\ndef register_gates(register): register('g', 7)", "callable"),
    "syntax": ("def", "acme.py, line 3: invalid syntax"),
    "a name that is none": ("@hookimpl\ndef register_gates(register): register(None, Gate)", "`_` and `-`, got None"),
    "a name with a dot": ("@hookimpl\ndef register_gates(register): register('my.gate', Gate)", "got 'my.gate'"),
    "a name with a blank": ("@hookimpl\ndef register_gates(register): register('my gate', Gate)", "got 'my gate'"),
    "a hook that is awaited": (
        "@hookimpl\nasync def register_gates(register): register('g', Gate)",
        "register_gates must be a plain function: nothing awaits it",
    ),
    "an event that is awaited": ("@hookimpl\nasync def step_ended(record): pass", "step_ended must be a plain func"),
    "leaving at import": ("raise SystemExit(3)", "cannot be imported: SystemExit"),
    "stray at import": ("raise BaseException('lost')", "cannot be imported: BaseException('lost')"),
    "leaving in a hook": ("@hookimpl\ndef register_gates(register): exit(3)", "SystemExit(3) ("),
    "stray in a hook": ("@hookimpl\ndef register_gates(register): raise GeneratorExit", "GeneratorExit() ("),
    **{
        f"the name {name}": (
            f"@hookimpl\ndef register_gates(register): register({name!r}, Gate)",
            f"a name must be text where it stands in YAML or in an override, got '{name}'",
        )
        for name in ("true", "Null", "no", "off", "nan", "1", "1e3", "1_000", "0x1F", "2024-01-31")
    },
}


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_fatal_and_named(site, code, message):
    site.install("acme", code, version="1.2")
    with pytest.raises(PluginError) as caught:
        site.load("acme")
    error = str(caught.value)
    assert "acme 1.2" in error
    assert message in error
    assert "\n" not in error


@pytest.mark.parametrize(("code", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_named_and_skipped_if_so_configured(site, code, message):
    """The others go on; nothing of it stays, neither names nor events."""
    site.install("acme", code, version="1.2")
    site.install("bemco", SAMPLER.format(name="best"))
    reports = []
    plugins = site.load("acme,bemco", on_error="skip", report=reports.append)
    assert list(plugins.registrations) == [("sampler", "best")]
    assert [plugin.__name__ for plugin in plugins.manager.get_plugins()] == ["bemco"]
    (report,) = reports
    assert "acme 1.2" in report
    assert message in report


def test_a_failing_import_is_told_with_its_place(site):
    site.install("acme", "\nimport nothing_there")
    with pytest.raises(PluginError, match=rf"\({site.folder / 'acme.py'}:4\)"):
        site.load()


@pytest.mark.parametrize("entry", ["nothing_there", "acme:nothing_there"])
def test_an_entry_point_that_leads_nowhere_is_shown_itself(site, entry):
    site.install("acme", "", entry=entry)
    with pytest.raises(PluginError, match=rf"nothing_there'\"?\) \(entry point `acme = {entry}`\)$"):
        site.load()


ENDING = {
    "at import": "import os\nos._exit(0)",
    "in a hook": "import os\n@hookimpl\ndef register_gates(register): os._exit(0)",
}


@pytest.mark.parametrize("code", ENDING.values(), ids=ENDING.keys())
def test_a_plugin_does_not_end_the_process_that_loads_it(site, code):
    """A command would end without a word, and with status 0."""
    site.install("acme", code, version="1.2")
    told = site.python(
        """
        import json
        from stagerl_plugins.plugins import load_plugins

        reports = []
        load_plugins("skip", reports.append)
        print(json.dumps(reports))
        """,
        limit="acme",
    )
    (report,) = told
    assert "acme 1.2" in report
    assert re.search(r"SystemExit\('os\._exit\(0\)'\) \(.*acme\.py:\d\)$", report)


FORKING = {
    "and comes back": "pid = os.fork()",
    "and raises": "pid = os.fork()\nif not pid: raise ValueError",
    "and leaves": "pid = os.fork()\nif not pid: os._exit(3)",
}


@pytest.mark.parametrize("code", FORKING.values(), ids=FORKING.keys())
def test_a_process_that_a_plugin_forks_while_it_is_imported_does_not_go_on_as_ours(site, code):
    """A command would run twice."""
    site.install("acme", f"import os\n{code}")
    status = site.python(
        """
        import json
        import os
        from stagerl_plugins.plugins import load_plugins

        here = os.getpid()
        load_plugins("skip", print)
        if os.getpid() != here:
            os._exit(9)
        import acme

        print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(acme.pid, 0)[1])))
        """,
        limit="acme",
    )
    assert status == (3 if "_exit" in code else 0)


def test_a_plugin_that_is_loaded_may_end_processes(site):
    site.install("acme", "from os import _exit")
    done = site.python(
        """
        import json
        import os
        from stagerl_plugins.plugins import load_plugins

        end = os._exit
        load_plugins()
        import acme

        pid = os.fork()
        if not pid:
            acme._exit(5)
        print(json.dumps([os._exit is end, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))
        """,
        limit="acme",
    )
    assert done == [True, 5]


# -- what is as good as a module of today's ---------------------------------------------------------------------------


def test_an_entry_point_may_be_an_object(site):
    code = """
    class Package:
        stagerl_contract = 1

        @hookimpl
        def register_samplers(self, register):
            register("of_an_object", Sampler)

    package = Package()
    """
    site.install("acme", code, entry="acme:package")
    assert list(site.load("acme").registrations) == [("sampler", "of_an_object")]


def test_a_plugin_of_an_older_contract_works(site, monkeypatch):
    monkeypatch.setattr(hookspecs, "CONTRACT", 2)
    site.install("acme", "stagerl_contract = 1\n" + SAMPLER.format(name="old"))
    assert list(site.load("acme").registrations) == [("sampler", "old")]
