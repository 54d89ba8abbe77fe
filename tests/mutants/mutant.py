"""Deliberate breakages of the shipped guard. Each edits one definition, in a copy of the source.

A proof that no breakage can upset is no proof. Not among them are those that change nothing: a takeover's fence is
higher anyway, for the holder it names has the highest; a lease is released by its holder anyway, for the run's part of
the same settlement asks for it; what waits for an attempt cannot have changed its status without its attempt.
So it is with the fence of a claim without a lease, behind the pause and the lease's end that it waits for; and with a
renewal of one item of two that may shorten, or does not ask whose the lease is, for the other one refuses both.

Some survive 2,000 seeds, and are not among them because a list of what is caught should say so: that an orphan's time
is waited for (shows only where somebody deletes the lease while a handler runs); that a sandbox which wakes after its
time does not claim; that a redrive's carrier has a name of its own (two operators and one holder at once); that a ttl
counts from the end and not from the due time (a generation of something weeks old, delivered twice); that a takeover
marks the dead run also when it was first refused; that what is buffered by a carrier has a carrier again; that a
renewal without a lease asks who works the run (one that comes late would nearly always shorten it, and is refused);
that a takeover by a newcomer asks for an empty slot (a delivery must enter the slot between the newcomer's look and its
takeover, after the lease has ended: the contract of the store and the tests of the slot show it).
"""

from __future__ import annotations

from typing import NamedTuple

from tests.mutants.edit import Edit


class Mutant(NamedTuple):
    """One breakage.

    ``where``: the qualified name of a function, method or constant, such as ``Delivery.closing``. The edit must fit
    exactly once in all definitions of this name.
    ``caught_by``: the invariants that it breaks by itself, of which one must tell. Others may tell of what follows from
    it, in seeds before that one; they do not count.
    ``switch``: a switch that is at its maximum in each seed, where few seeds draw what shows the breakage.
    """

    name: str
    where: str
    edit: Edit
    caught_by: tuple[str, ...]
    switch: str | None = None
