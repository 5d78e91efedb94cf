"""Schemas come up to date by themselves, whoever starts first, with the rights of one service only."""

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import inspect

from deploy.local.database import prepare_database
from services.kit.database import engine_for
from services.kit.migrate import migrate, migrate_vault
from services.kit.tables import metadata
from services.kit.vault import TableKeys, Vault

pytestmark = pytest.mark.stack
MASTER = b"m" * 32


def test_the_migrated_schema_is_what_the_tables_say(engine):
    there = inspect(engine)
    for table in metadata.tables.values():
        columns = {c["name"]: c["nullable"] for c in there.get_columns(table.name)}
        assert columns == {c.name: bool(c.nullable) for c in table.columns}, table.name
        assert there.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]


def test_several_may_migrate_at_once_and_again(fresh_database: Callable[[], str]):
    url, failures = fresh_database(), []

    def start() -> None:
        engine = engine_for(url, "notifier")
        try:
            migrate(engine, "notifier")
        except Exception as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_roles_migrate_their_own_schema_and_share_the_vault(database_admin_url: str, tmp_path: Path):
    name = "test_roles_of_the_kit"
    urls = prepare_database(database_admin_url, tmp_path / "secrets.json", name)
    engines = {role: engine_for(url, role) for role, url in urls.items()}
    try:
        migrate_vault(engines["vault"])
        migrate(engines["notifier"], "notifier")
        migrate(engines["visits"], "visits")
        sealed = Vault(TableKeys(engines["notifier"]), MASTER).seal("B-1", "name", "王小明")
        assert Vault(TableKeys(engines["visits"]), MASTER).open("B-1", "name", sealed) == "王小明"
        with pytest.raises(Exception, match="permission denied"):
            Vault(TableKeys(engines["assignment"]), MASTER).seal("B-1", "name", "王小明")
        with pytest.raises(Exception, match="permission denied"):
            Vault(TableKeys(engines["notifier"]), MASTER).erase("B-1")
        Vault(TableKeys(engines["vault"]), MASTER).erase("B-1")
    finally:
        for engine in engines.values():
            engine.dispose()
        with psycopg.connect(database_admin_url, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_two_services_that_meet_a_borrower_at_once_agree_on_the_key(engine):
    first, second = Vault(TableKeys(engine), MASTER), Vault(TableKeys(engine), MASTER)
    borrowers = [f"B-{n}" for n in range(200)]
    threads = [threading.Thread(target=vault.prepare, args=[borrowers]) for vault in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert second.open("B-7", "name", first.seal("B-7", "name", "x")) == "x"


def test_a_vault_with_another_master_key_opens_nothing(engine):
    Vault(TableKeys(engine), MASTER).seal("B-1", "name", "x")
    with pytest.raises(Exception, match="master key"):
        Vault(TableKeys(engine), b"n" * 32).seal("B-1", "name", "x")
