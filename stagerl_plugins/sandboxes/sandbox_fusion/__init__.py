"""Sandbox `sandbox_fusion`: programs run on SandboxFusion servers."""
