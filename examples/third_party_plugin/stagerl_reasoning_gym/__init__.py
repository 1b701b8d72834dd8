"""Plugins for stagerl-plugins, built on reasoning-gym's procedural tasks and their verifiers."""
