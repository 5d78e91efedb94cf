"""Starts reporting: `python -m services.reporting`, told by `ARREARS_*` (services/kit/settings.py)."""

from services.kit.settings import read_settings
from services.kit.worker import run
from services.reporting.app import ReportingSettings, plug

if __name__ == "__main__":
    settings = read_settings(ReportingSettings)
    run(plug(settings), settings)
