"""Broker and database alone, in the foreground until Ctrl-C: `python -m deploy.local [--var FOLDER]`."""

import argparse
import sys
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.stack import DEFAULT_VAR, ending_on_signals, running_stack, wait_for_signal


def main() -> None:
    """Run the stack, say where it is, and wait for a signal."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--var", type=Path, default=DEFAULT_VAR, help="folder of data, logs and state (default: var)")
    try:
        _run(parser.parse_args().var)
    except StackError as error:
        sys.exit(str(error))


def _run(var: Path) -> None:
    with ending_on_signals(), running_stack(var) as stack:
        stack.supervisor.declare_ready()
        sys.stdout.write(f"Kafka       {stack.bootstrap}\nPostgreSQL  {stack.database_endpoint}\n")
        sys.stdout.write(f"Passwords   {stack.secrets}\nCtrl-C stops both.\n")
        sys.stdout.flush()
        wait_for_signal()


if __name__ == "__main__":
    main()
