"""The local stack, run for real: what was killed comes back, what was stopped is gone."""

import psycopg
import pytest
from kafka import KafkaAdminClient

from deploy.local.stack import LocalStack

pytestmark = pytest.mark.stack


def test_broker_and_database_answer(kafka_bootstrap, fresh_database):
    client = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    assert client.describe_cluster()["brokers"]
    client.close()
    with psycopg.connect(fresh_database()) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_service_reaches_only_what_is_its_own(stack: LocalStack):
    urls = stack.service_urls()
    assert stack.service_urls() == urls
    with psycopg.connect(urls["vault"]) as vault:
        vault.execute("CREATE TABLE IF NOT EXISTS phones (number text)")
    with psycopg.connect(urls["notifier"]) as notifier:
        notifier.execute("CREATE TABLE notes (text text)")
        assert notifier.execute("SELECT to_regclass('notifier.notes')::text").fetchone() == ("notes",)
        notifier.execute("SELECT * FROM vault.phones")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            notifier.execute("CREATE TABLE visits.notes (text text)")
    for statement in ("SELECT * FROM vault.phones", "CREATE TABLE public.notes (text text)"):
        with psycopg.connect(urls["reporting"]) as reporting, pytest.raises(psycopg.errors.InsufficientPrivilege):
            reporting.execute(statement)
