"""Coding agents of the user's own, run where a model would write: `claude -p` and `codex exec`."""

from router.coding.cli_agents.agent import CliAgent, agent_of

__all__ = ["CliAgent", "agent_of"]
