"""Run assignment: `python -m services.assignment`, told by `ARREARS_*`."""

from services.kit.run import run
from services.assignment.app import AssignmentSettings, plug

if __name__ == "__main__":
    run(plug, AssignmentSettings)
