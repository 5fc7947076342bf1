"""`python -m windsock` is the `windsock` command."""

from windsock.cli import main

main()
