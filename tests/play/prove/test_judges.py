"""Each invariant of the proof has one judge, and a judge reports no other invariants."""

from __future__ import annotations

import ast
import inspect
import re

import pytest

from cronstack_infra.play import prove
from cronstack_infra.play.prove.judges.endings import Endings
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.judges.table import JUDGES, TABLE
from cronstack_infra.play.prove.log.bookkeeper import Bookkeeper
from cronstack_infra.play.prove.log.listener import EventReceiver
from cronstack_infra.play.prove.log.log import ALWAYS
from cronstack_infra.play.prove.models.world import Violation, World
from cronstack_infra.play.prove.observer import NOTIFICATIONS, Observer
from tests.mutants.catalogue import MUTANTS


def reported_by(judge: type[Judge]) -> set[str]:
    """Return the invariants that a judge's source names. (Its docstrings name them only within longer text.)"""
    nodes = ast.walk(ast.parse(inspect.getsource(judge)))
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if re.fullmatch(r"I\d+b?", text)}


def test_the_docstring_and_the_table_list_the_same_invariants() -> None:
    describe = re.findall(r"^    (I\d+b?) ", inspect.getdoc(prove) or "", re.MULTILINE)
    assert len(describe) == len(set(describe)) == 28
    assert set(describe) == set(TABLE)
    assert set(ALWAYS) <= set(TABLE)


@pytest.mark.parametrize("judge", [judge for judge, _ in JUDGES], ids=lambda judge: judge.__name__)
def test_a_judge_reports_exactly_its_invariants_of_the_table(judge: type[Judge]) -> None:
    assert reported_by(judge) == {invariant for invariant, of in TABLE.items() if of is judge}


def test_reporting_the_invariant_of_another_judge_raises() -> None:
    observer = Observer.of(World(0), retries=1, start_deadline=60)
    (endings,) = (listener for listener in observer.listeners if isinstance(listener, Endings))
    with pytest.raises(LookupError, match=r"Endings judges .*, not I3"):
        endings.violated("I3", "of leases")
    with pytest.raises(Violation, match="I1: twice"):
        endings.violated("I1", "twice")


def test_mutants_are_caught_by_invariants_of_the_table() -> None:
    unknown = [(mutant.name, name) for mutant in MUTANTS for name in mutant.caught_by if name not in TABLE]
    assert not unknown


def test_the_observer_notifies_judges_in_table_order_and_the_bookkeeper_last() -> None:
    observer = Observer.of(World(0), retries=1, start_deadline=60)
    assert [type(listener) for listener in observer.listeners] == [*dict.fromkeys(TABLE.values()), Bookkeeper]
    assert all(listener.log is observer.log for listener in observer.listeners)


def test_every_notification_reaches_a_listener_that_overrides_it() -> None:
    """A notification without an override is dead code. One that ``Listener`` lacks would never be passed on."""
    classes = (*(judge for judge, _ in JUDGES), Bookkeeper)
    for name in NOTIFICATIONS:
        assert any(name in vars(of) for of in classes), name
    for of in classes:
        public = {name for name in vars(of) if not name.startswith("_")}
        assert public <= set(vars(EventReceiver)), of.__name__
