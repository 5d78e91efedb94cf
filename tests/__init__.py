"""A package, so that `python -m tests.sim` finds this folder and not one of that name that a library brings along."""
