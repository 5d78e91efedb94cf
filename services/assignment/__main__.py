"""Run assignment: `python -m services.assignment`, told by `ARREARS_*`."""

from services.assignment.app import AssignmentSettings, plug
from services.kit.run import run

if __name__ == "__main__":
    run(plug, AssignmentSettings)
