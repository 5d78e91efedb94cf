"""The database of the services: one role and one schema each, and no rights on what belongs to another."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from deploy.local.secrets import passwords

DATABASE = "arrears"
SERVICES = ("notifier", "assignment", "visits", "reporting")
VAULT = "vault"
VAULT_READERS = ("notifier", "visits")


def prepare_database(admin_url: str, secrets_file: Path, database: str = DATABASE) -> dict[str, str]:
    """Make sure that the database, its roles and its schemas exist; return the URL of each role by its name.

    Roles are the four services and `vault`, each the owner of the schema of its own name, which is its search path.
    `vault_reader` is a group whose members may read what `vault` creates. May be called again at any time.
    """
    roles = (*SERVICES, VAULT)
    secrets = passwords(secrets_file, *roles)
    with psycopg.connect(admin_url, autocommit=True) as admin:
        _ensure_database(admin, database)
        for role in roles:
            _ensure_role(admin, role, secrets[role])
    with psycopg.connect(_url(admin_url, database)) as admin:
        for statement in _statements(database):
            admin.execute(statement)
    return {role: _url(admin_url, database, f"{role}:{secrets[role]}") for role in roles}


def _ensure_database(admin: "psycopg.Connection[tuple[object, ...]]", database: str) -> None:
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))


def _ensure_role(admin: "psycopg.Connection[tuple[object, ...]]", role: str, password: str) -> None:
    exists = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = SQL("ALTER" if exists else "CREATE")
    admin.execute(SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, Identifier(role), Literal(password)))


def _statements(database: str) -> list[Composed]:
    names = {"database": Identifier(database), "vault": Identifier(VAULT), "reader": Identifier(f"{VAULT}_reader")}
    shared = [
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "DO $$ BEGIN CREATE ROLE {reader} NOLOGIN; EXCEPTION WHEN duplicate_object THEN END $$",
    ]
    own = [
        "CREATE SCHEMA IF NOT EXISTS {role} AUTHORIZATION {role}",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "ALTER ROLE {role} IN DATABASE {database} SET search_path = {role}",
    ]
    vault = [
        "GRANT USAGE ON SCHEMA {vault} TO {reader}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {vault} IN SCHEMA {vault} GRANT SELECT ON TABLES TO {reader}",
    ]
    roles = [SQL(text).format(**names, role=Identifier(role)) for role in (*SERVICES, VAULT) for text in own]
    readers = [SQL("GRANT {reader} TO {role}").format(**names, role=Identifier(role)) for role in VAULT_READERS]
    return [
        *(SQL(text).format(**names) for text in shared),
        *roles,
        *(SQL(text).format(**names) for text in vault),
        *readers,
    ]


def _url(admin_url: str, database: str, login: str | None = None) -> str:
    parts = urlsplit(admin_url)
    address = f"{parts.hostname}:{parts.port}"
    who = login or f"{parts.username}:{parts.password}"
    return parts._replace(netloc=f"{who}@{address}", path=f"/{database}").geturl()
