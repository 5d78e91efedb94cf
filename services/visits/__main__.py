"""Run visits: `python -m services.visits`, told by `ARREARS_*` (services/kit/settings.py)."""

from services.kit.run import run
from services.visits.app import VisitsSettings, plug

if __name__ == "__main__":
    run(plug, VisitsSettings)
