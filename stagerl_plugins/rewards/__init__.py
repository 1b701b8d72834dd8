"""Rewards: how a response becomes a verdict."""
