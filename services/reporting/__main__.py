"""Run reporting: `python -m services.reporting`, told by `ARREARS_*`."""

from services.kit.run import run
from services.reporting.app import ReportingSettings, plug

if __name__ == "__main__":
    run(plug, ReportingSettings)
