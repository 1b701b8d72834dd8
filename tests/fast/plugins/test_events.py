"""Events reach every plugin, whatever another one does with them."""

import sys

from stagerl_plugins import RunInfo
from stagerl_plugins.catalog import catalog

WATCHER = """
seen = []

@hookimpl
def run_started(run):
    seen.append(f"{run.name} began")

@hookimpl
def run_ended(run, reason):
    seen.append(f"{run.name} ended: {reason}")
"""
BROKEN = """
@hookimpl
def run_started(run):
    raise ValueError("no luck")

@hookimpl
def run_ended(reason):
    raise SystemExit(reason)
"""
ECONOMICAL = """
@hookimpl
def run_started():
    pass

@hookimpl
def run_ended(reason):
    assert reason == "done"
"""


def emit(site, code):
    """What two good watchers saw, one before and one after the plugin with this code, and what was reported."""
    site.install("acme", WATCHER)
    site.install("bemco", code)
    site.install("cogs", WATCHER)
    plugins, reports = site.load("acme,bemco,cogs"), []
    run = RunInfo("test", "runs/test", ("one",), 3)
    plugins.emit("run_started", reports.append, run=run)
    plugins.emit("run_ended", reports.append, run=run, reason="done")
    return sys.modules["acme"].seen, sys.modules["cogs"].seen, reports


def test_an_exception_is_reported_and_reaches_no_other_plugin(site):
    *watchers, reports = emit(site, BROKEN)
    assert watchers == [["test began", "test ended: done"]] * 2
    assert reports == [
        "run_started of plugin bemco failed: ValueError('no luck')",
        "run_ended of plugin bemco failed: SystemExit('done')",
    ]


def test_a_plugin_takes_just_the_arguments_that_it_names(site):
    """So it goes on working when an event gets more of them."""
    *watchers, reports = emit(site, ECONOMICAL)
    assert watchers == [["test began", "test ended: done"]] * 2
    assert reports == []


def test_who_watches_is_listed_with_the_events_that_it_takes(site):
    site.install("acme", WATCHER, version="2.1")
    site.install("quiet", "")
    assert catalog(site.load("acme,quiet")) == [
        {
            "kind": "watcher",
            "name": "acme",
            "distribution": "acme",
            "version": "2.1",
            "summary": "Called at run_started, run_ended.",
            "options": [],
        }
    ]
