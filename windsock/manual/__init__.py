"""The documentation's site as a package carries it."""
