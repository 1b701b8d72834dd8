"""Contract tests that plugin authors run on their own plugins.

from stagerl_plugins.testing import check_plugin

def test_contract():
    check_plugin("sampler", "my_sampler", {"my_option": 3})
"""

from stagerl_plugins.testing.check import check_plugin
from stagerl_plugins.testing.contract_error import ContractError
from stagerl_plugins.testing.simulation import SimulatedRun, simulated_problems

__all__ = ["ContractError", "SimulatedRun", "check_plugin", "simulated_problems"]
