"""The whole of Arrears on one machine: topics, the four services, the simulated carriers and agencies, as processes."""

import base64
import hashlib
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import remembered_ports
from deploy.local.processes import Process
from deploy.local.secrets import passwords
from deploy.local.stack import CHECKOUT, LocalStack
from deploy.local.topics import create_topics
from schemas.topics import SERVICES

_PORTS = (*SERVICES, "smpp", "smtp", "voice", "carriers", "agencies", "bank")
_READY_SECONDS_MAX = 120


@dataclass(frozen=True)
class Plan:
    """What to run besides broker and database. `clock` is the setting ARREARS_CLOCK; `bare` leaves the agencies out.

    `bank`: the simulated bank too, playing the world that `environment` names.
    """

    clock: str = "system"
    jurisdiction: str = "CN"
    bare: bool = False
    seed: int = 1
    bank: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """Where everything is to be reached."""

    kafka: str
    database: str
    services: Mapping[str, str]

    @property
    def console(self) -> str:
        """The page that people open first."""
        return self.services["reporting"]

    def as_json(self) -> dict[str, str]:
        """One flat object: kafka, database, console, and one address per service."""
        return {"kafka": self.kafka, "database": self.database, "console": self.console, **self.services}


def start_system(stack: LocalStack, plan: Plan) -> Endpoints:
    """Create the topics and start all processes; return once every service is ready.

    Raises NotStarted, naming the process and the end of its log.
    """
    create_topics(stack.bootstrap)
    if stack.timekeeper:
        stack.timekeeper.keep(plan.clock)
    ports = remembered_ports(stack.var / "run" / "system-ports.json", *_PORTS)
    urls = stack.service_urls()
    settings = {**shared_settings(stack, plan, ports), **plan.environment}
    services = [_service(name, ports[name], {**settings, **_own(name, urls, ports)}) for name in SERVICES]
    stack.supervisor.start(*_outside(plan, settings, ports), *services)
    addresses = {name: f"http://127.0.0.1:{ports[name]}" for name in SERVICES}
    return Endpoints(stack.bootstrap, stack.database_url("arrears"), addresses)


def shared_settings(stack: LocalStack, plan: Plan, ports: Mapping[str, int]) -> dict[str, str]:
    """The settings that all processes have in common, as environment variables."""
    known = passwords(stack.secrets, "master-key", "link-key", "intake-key", "smpp", "gateway")
    return {
        "ARREARS_KAFKA_BOOTSTRAP": stack.bootstrap,
        "ARREARS_CLOCK": plan.clock,
        "ARREARS_JURISDICTION": plan.jurisdiction,
        "ARREARS_MASTER_KEY": _key(known["master-key"]),
        "ARREARS_INTAKE_KEYS": f"intake-1={_key(known['intake-key'])}",
        "ARREARS_LINK_KEY": _key(known["link-key"]),
        "ARREARS_LINK_BASE": f"http://127.0.0.1:{ports['notifier']}",
        "ARREARS_SMPP_HOST": "127.0.0.1",
        "ARREARS_SMPP_PORT": str(ports["smpp"]),
        "ARREARS_SMPP_SYSTEM_ID": "arrears",
        "ARREARS_SMPP_PASSWORD": known["smpp"][:8],
        "ARREARS_SMTP_HOST": "127.0.0.1",
        "ARREARS_SMTP_PORT": str(ports["smtp"]),
        **_gateway(ports, known["gateway"]),
        "ARREARS_PRINT_DIR": str(_made(stack.var / "print")),
        "ARREARS_SEED": str(plan.seed),
        "ARREARS_CREDENTIAL_PAGE": f"http://127.0.0.1:{ports['visits']}/credentials",
        **{f"ARREARS_{name.upper()}_URL": f"http://127.0.0.1:{ports[name]}" for name in SERVICES},
    }


def _gateway(ports: Mapping[str, int], token: str) -> dict[str, str]:
    """The gateway for robot calls, where one is run; a strategy that calls is refused without it."""
    base = {"ARREARS_VOICE_URL": f"http://127.0.0.1:{ports['voice']}/"} if "voice" in ports else {}
    return {**base, "ARREARS_GATEWAY_TOKEN": token}


def _own(name: str, urls: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "ARREARS_DATABASE_URL": urls[name],
        "ARREARS_VAULT_URL": urls["vault"],
        "ARREARS_HTTP_HOST": "127.0.0.1",
        "ARREARS_HTTP_PORT": str(ports[name]),
    }


def _service(name: str, port: int, settings: Mapping[str, str]) -> Process:
    address = f"http://127.0.0.1:{port}"
    return Process(
        name,
        (sys.executable, "-m", f"services.{name}"),
        endpoint=address,
        needs=("kafka", "postgres"),
        environment={
            **settings,
            "ARREARS_DATA_DIR": str(_made(Path(settings["ARREARS_PRINT_DIR"]).parent / "data" / name)),
        },
        folder=CHECKOUT,
        ready=lambda: _answers(f"{address}/health/ready"),
        ready_seconds_max=_READY_SECONDS_MAX,
    )


def _outside(plan: Plan, settings: Mapping[str, str], ports: Mapping[str, int]) -> list[Process]:
    """The world around the services. Bare: carriers that accept everything, and no agencies."""
    if plan.bare:
        return [_simulated("sink", ports["carriers"], settings)]
    others = ("carriers", "agencies", *(("bank",) if plan.bank else ()))
    return [_simulated(name, ports[name], settings) for name in others]


def _simulated(name: str, port: int, settings: Mapping[str, str]) -> Process:
    return Process(
        name,
        (sys.executable, "-m", f"deploy.local.{name}"),
        endpoint=f"127.0.0.1:{port}",
        environment={**settings, "ARREARS_HTTP_PORT": str(port)},
        folder=CHECKOUT,
    )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _key(secret: str) -> str:
    """A 256-bit key in base64 from a generated password."""
    return base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
