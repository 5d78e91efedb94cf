"""The legal moves of everything that has a state. Reading these tables is reading the policy."""

from collections.abc import Mapping
from typing import Literal

from schemas.cases import CaseStage

Move = Mapping[tuple[str, str], str]

STAGE: Mapping[tuple[CaseStage, str], CaseStage] = {
    ("open", "unanswered"): "noticed",
    ("open", "activated"): "placed",
    ("noticed", "activated"): "placed",
    ("refused", "activated"): "placed",
    ("unreachable", "activated"): "placed",
    ("placed", "dispatched"): "in_field",
    ("open", "agreed"): "agreed",
    ("noticed", "agreed"): "agreed",
    ("placed", "agreed"): "agreed",
    ("in_field", "agreed"): "agreed",
    ("refused", "agreed"): "agreed",
    ("unreachable", "agreed"): "agreed",
    ("legal", "agreed"): "agreed",
    ("agreed", "back_to_open"): "open",
    ("agreed", "back_to_noticed"): "noticed",
    ("agreed", "back_to_placed"): "placed",
    ("agreed", "back_to_legal"): "legal",
    ("legal", "back_to_open"): "open",
    ("legal", "back_to_noticed"): "noticed",
    ("placed", "back_to_noticed"): "noticed",
    ("in_field", "back_to_noticed"): "noticed",
    ("placed", "refused"): "refused",
    ("in_field", "refused"): "refused",
    ("agreed", "refused"): "refused",
    ("placed", "unreachable"): "unreachable",
    ("in_field", "unreachable"): "unreachable",
    ("agreed", "unreachable"): "unreachable",
    ("open", "recommended"): "legal",
    ("noticed", "recommended"): "legal",
    ("placed", "recommended"): "legal",
    ("in_field", "recommended"): "legal",
    ("agreed", "recommended"): "legal",
    ("refused", "recommended"): "legal",
    ("unreachable", "recommended"): "legal",
    ("noticed", "reopened"): "open",
    ("placed", "reopened"): "open",
    ("in_field", "reopened"): "open",
    ("agreed", "reopened"): "open",
    ("refused", "reopened"): "open",
    ("unreachable", "reopened"): "open",
    ("legal", "reopened"): "open",
}
"""(stage, what happened) → stage. What is not here leaves the stage as it is."""

PlacementState = Literal["offered", "active", "recalling", "refused", "ended"]
PLACEMENT: Mapping[tuple[PlacementState, str], PlacementState] = {
    ("offered", "accept"): "active",
    ("offered", "decline"): "refused",
    ("offered", "expire"): "refused",
    ("offered", "withdraw"): "refused",
    ("active", "recall"): "recalling",
    ("recalling", "attest"): "ended",
}

PromiseState = Literal["active", "kept", "partly_kept", "broken", "cancelled"]
PROMISE: Mapping[tuple[PromiseState, str], PromiseState] = {
    ("active", "keep"): "kept",
    ("active", "keep_in_part"): "partly_kept",
    ("active", "break"): "broken",
    ("active", "cancel"): "cancelled",
    ("kept", "reopen"): "active",
}

PlanState = Literal["proposed", "accepted", "rejected", "completed", "defaulted", "cancelled"]
PLAN: Mapping[tuple[PlanState, str], PlanState] = {
    ("proposed", "accept"): "accepted",
    ("proposed", "reject"): "rejected",
    ("accepted", "complete"): "completed",
    ("accepted", "default"): "defaulted",
    ("accepted", "cancel"): "cancelled",
}
