"""The vault's keys. Services of the group `vault_reader` may read and add keys; only `vault` destroys them."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table of keys."""
    op.execute("""
        CREATE TABLE vault.keys (
            borrower_id text PRIMARY KEY,
            key_id text NOT NULL UNIQUE,
            wrapped bytea,
            created_at timestamptz NOT NULL DEFAULT now(),
            destroyed_at timestamptz,
            CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
        )
    """)
    op.execute("""
        DO $$ BEGIN
            IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'vault_reader') THEN
                GRANT USAGE ON SCHEMA vault TO vault_reader;
                GRANT SELECT, INSERT ON vault.keys TO vault_reader;
            END IF;
        END $$
    """)


def downgrade() -> None:
    """Drop the keys; everything sealed is lost."""
    op.execute("DROP TABLE vault.keys")
