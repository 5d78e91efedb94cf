"""The rooms of the house, held by reading the source: who may import whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICES = ("notifier", "assignment", "visits", "reporting")
STDLIB = __import__("sys").stdlib_module_names
KIT_VALUES = {"services.kit.service"}


def sources(*folders):
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imports(path):
    """Every module that a file imports, absolute names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def outside(path, *allowed):
    """The imports of a file that are neither of the standard library nor in the allowed packages."""
    return sorted(
        name
        for name in imports(path)
        if name.split(".")[0] not in STDLIB and not any(name == a or name.startswith(f"{a}.") for a in allowed)
    )


def ids(path):
    return str(path.relative_to(ROOT))


def rooms(*names):
    """Files of all services that belong to a room: `domain.py`, `domain/…`, `domain_….py`."""
    return [
        path
        for service in SERVICES
        for path in sources(f"services/{service}")
        if any(path.relative_to(ROOT / "services" / service).parts[0].split(".")[0].split("_")[0] == n for n in names)
    ]


@pytest.mark.parametrize("path", sources("schemas"), ids=ids)
def test_the_language_needs_the_standard_library_and_pydantic_only(path):
    assert outside(path, "schemas", "pydantic", "pydantic_core") == []


@pytest.mark.parametrize("path", rooms("domain"), ids=ids)
def test_a_domain_decides_with_nothing_but_values(path):
    service = path.relative_to(ROOT).parts[1]
    assert outside(path, "schemas", "services.rulebook", f"services.{service}.domain") == []


@pytest.mark.parametrize("path", rooms("handlers"), ids=ids)
def test_handlers_know_facts_and_their_own_domain(path):
    service = path.relative_to(ROOT).parts[1]
    own = (f"services.{service}.domain", f"services.{service}.handlers")
    assert outside(path, "schemas", "services.rulebook", *own, *KIT_VALUES) == []


@pytest.mark.parametrize("path", rooms("store", "queries"), ids=ids)
def test_a_store_knows_tables_and_its_own_domain(path):
    service = path.relative_to(ROOT).parts[1]
    assert outside(path, "schemas", "sqlalchemy", f"services.{service}", "services.rulebook", *KIT_VALUES) == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_imports_another(service):
    others = tuple(f"services.{other}" for other in SERVICES if other != service)
    found = [(ids(p), name) for p in sources(f"services/{service}") for name in imports(p) if name.startswith(others)]
    assert found == []


@pytest.mark.parametrize("path", sources("services/kit"), ids=ids)
def test_the_kit_knows_no_loan(path):
    domain = tuple(f"schemas.{m}" for m in ("bank", "contacts", "cases", "visits", "agencies", "reports", "control"))
    found = [name for name in imports(path) if name.startswith((*domain, "deploy", "services.rulebook"))]
    found += [n for n in imports(path) if n.startswith(tuple(f"services.{s}" for s in SERVICES))]
    assert found == []


@pytest.mark.parametrize("path", sources("services/rulebook"), ids=ids)
def test_the_rule_book_is_pure(path):
    assert outside(path, "schemas", "services.rulebook") == []


@pytest.mark.parametrize("library", ["faust", "aiokafka"])
def test_a_stream_library_stands_in_one_module_of_the_kit(library):
    homes = {ids(p) for p in sources("services", "schemas") for n in imports(p) if n.split(".")[0] == library}
    assert len(homes) <= 1, homes


PURE = [*rooms("domain", "handlers"), *sources("services/rulebook")]
FORBIDDEN = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"), ("uuid", "uuid4")}


@pytest.mark.parametrize("path", PURE, ids=ids)
def test_no_decision_reads_a_clock_or_rolls_a_die(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert called & FORBIDDEN == set()
    assert not {"random", "secrets", "logging", "structlog"} & set(imports(path))


@pytest.mark.parametrize("path", sources("tests"), ids=ids)
def test_no_test_pretends_with_a_mock(path):
    assert not [name for name in imports(path) if "mock" in name]


def test_the_reader_of_imports_sees_a_forbidden_one(tmp_path):
    planted = tmp_path / "domain.py"
    planted.write_text("import sqlalchemy\nfrom services.kit.vault import Vault\nfrom decimal import Decimal\n")
    assert outside(planted, "schemas") == ["services.kit.vault", "sqlalchemy"]
