"""Worlds to act in, behind ``evolve.environment.Environment``: our own household, and simulators elsewhere.

A simulator that is not ours runs in a process of its own (``process``): it may hang, crash, change
``sys.argv`` or be under another licence, and none of that reaches the host.
"""
