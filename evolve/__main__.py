"""``python -m evolve`` is the command ``evolve``."""

from evolve.cli import main

main()
