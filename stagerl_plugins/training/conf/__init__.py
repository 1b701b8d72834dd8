"""Hydra configuration: `+stagerl=NAME` and `+stagerl_device=cpu`."""
