"""The whole language in one import: every kind of fact is known once this module is."""

from schemas import agencies, bank, cases, contacts, control, reports, visits
from schemas.envelope import Fact

KINDS: dict[str, type[Fact]] = Fact.KINDS
MODULES = (bank, agencies, contacts, cases, visits, reports, control)
