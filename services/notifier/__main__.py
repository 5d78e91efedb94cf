"""Run notifier: `python -m services.notifier`, told by `ARREARS_*` (services/notifier/settings.py)."""

from services.kit.run import run
from services.notifier.app import plug
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    run(plug, NotifierSettings)
