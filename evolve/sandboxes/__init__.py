"""Sandboxes of memory programs: isolation, resource limits, and the protocol with the host."""
