"""Files for other clusters can be read, and name only what exists: metrics, settings, services."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from schemas.topics import SERVICES
from services.kit import metrics
from services.notifier import receipts, rulebook_watch, sender
from services.notifier.api import commands
from services.notifier.settings import NotifierSettings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
WATCHING = ["prometheus/alerts.yml", "grafana/arrears.json"]
FILES = [*DEPLOY.glob("kubernetes/**/*.yaml"), *DEPLOY.glob("prometheus/*.yml"), DEPLOY / "compose.yaml"]
COUNTED = (metrics, commands, receipts, rulebook_watch, sender)
"""The rooms that count anything; importing them is what registers their metrics."""


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def container():
    return documents(DEPLOY / "kubernetes/base/worker.yaml")[0]["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_file_can_be_read(path):
    assert documents(path)


@pytest.mark.parametrize("name", WATCHING)
def test_an_alert_or_panel_watches_only_what_a_service_shows(name):
    shown = set(re.findall(r"^# TYPE (\w+)", generate_latest().decode(), re.MULTILINE))
    watched = set(re.findall(r"\barrears_\w+", (DEPLOY / name).read_text(encoding="utf-8")))
    assert {re.sub("_bucket$", "", metric) for metric in watched} <= shown
    assert watched


def test_every_alert_says_what_to_do():
    for rule in documents(DEPLOY / "prometheus/alerts.yml")[0]["groups"][0]["rules"]:
        assert set(rule["annotations"]) == {"summary", "do"}, rule["alert"]


def test_the_cluster_sets_only_settings_that_are_read():
    known = {f"ARREARS_{name.upper()}" for name in NotifierSettings.model_fields}
    settings = documents(DEPLOY / "kubernetes/settings.yaml")[0]["data"]
    assert {*settings, *(one["name"] for one in container()["env"])} <= known


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_of_the_cluster_opens_its_own_database_only(service):
    patch = documents(DEPLOY / f"kubernetes/{service}/kustomization.yaml")[0]["patches"][0]["patch"]
    changes = {one["path"]: one["value"] for one in yaml.safe_load(patch)}
    own = changes["/spec/template/spec/containers/0/env/4/valueFrom/secretKeyRef/name"]
    assert (own, container()["env"][4]["name"]) == (f"{service}-database", "ARREARS_DATABASE_URL")
    assert changes["/spec/template/spec/containers/0/command/2"] == f"services.{service}"


def test_the_dashboard_has_no_two_panels_in_one_place():
    panels = json.loads((DEPLOY / "grafana/arrears.json").read_text(encoding="utf-8"))["panels"]
    assert len({(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels}) == len(panels)
