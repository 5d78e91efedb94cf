"""Run assignment: `python -m services.assignment`."""
