"""The table of all invariants and their judges. The package's docstring holds the text of each invariant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cronstack_infra.play.prove.judges.acknowledgements import Acknowledgements
from cronstack_infra.play.prove.judges.assumptions import Assumptions
from cronstack_infra.play.prove.judges.attempts import Attempts
from cronstack_infra.play.prove.judges.call_reports import CallReports
from cronstack_infra.play.prove.judges.costs import Costs
from cronstack_infra.play.prove.judges.endings import Endings
from cronstack_infra.play.prove.judges.handlers import Handlers, Times
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.judges.leases import Leases
from cronstack_infra.play.prove.judges.letters import Letters
from cronstack_infra.play.prove.judges.pauses import Pauses
from cronstack_infra.play.prove.judges.plans.planning_rights import PlanningRights
from cronstack_infra.play.prove.judges.plans.revisions import Revisions
from cronstack_infra.play.prove.judges.schedules import Schedules
from cronstack_infra.play.prove.judges.slot import Slot
from cronstack_infra.play.prove.log.log import Log

TABLE: Final[Mapping[str, type[Judge]]] = {
    "I1": Endings,
    "I2": Endings,
    "I5": Endings,
    "I12": Endings,
    "I3": Leases,
    "I3b": Leases,
    "I4": Leases,
    "I6": Assumptions,
    "I10": Assumptions,
    "I7": Handlers,
    "I15": Handlers,
    "I14": Costs,
    "I13": Slot,
    "I22": Slot,
    "I8": Acknowledgements,
    "I9": Acknowledgements,
    "I25": Acknowledgements,
    "I16": Letters,
    "I17": Letters,
    "I24": Letters,
    "I23": Times,
    "I27": Pauses,
    "I11": Attempts,
    "I19": Revisions,
    "I20": Revisions,
    "I18": CallReports,
    "I21": Schedules,
    "I26": PlanningRights,
}
"""In the order in which the judges are notified. Where two invariants break at once, the first judge reports."""

JUDGES: Final = tuple(
    (judge, frozenset(name for name, of in TABLE.items() if of is judge)) for judge in dict.fromkeys(TABLE.values())
)
"""Each judge with its invariants."""


def create_judges(log: Log) -> list[Judge]:
    return [judge(log, invariants) for judge, invariants in JUDGES]
