"""Environments to act in (``evolve.environment.Environment``): our own household, and external simulators.

An external simulator runs in a process of its own (``player``): it may hang, crash, change ``sys.argv`` or be
under another licence without effect on the host.
"""
