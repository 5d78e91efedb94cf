"""Run visits: `python -m services.visits`, told by `ARREARS_*` (services/kit/settings.py)."""

from services.kit.settings import read_settings
from services.kit.worker import run
from services.visits.app import VisitsSettings, plug

if __name__ == "__main__":
    settings = read_settings(VisitsSettings)
    run(plug(settings), settings)
