"""Agentic proposer: a loop of tool calls, or an external command, that makes a candidate from a workspace."""
