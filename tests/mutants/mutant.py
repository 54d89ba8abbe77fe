"""Deliberate breakages of the shipped guard. Each edits one definition, in a copy of the source.

They show that the proof detects faults. Breakages without an effect are not in the list, because another condition
protects the same:

  - a takeover without the fence's condition: the holder that it names has the highest fence
  - a settlement whose lease part does not check the holder: its run part does
  - a claim of a waiting run that does not check the status: the status changes only with the attempt
  - the fence of a claim without a lease: the pause and the end of the lease come before
  - a renewal whose run part, or lease part, may shorten or does not check the holder: the other part refuses both

Some breakages survive 2,000 seeds and are not in the list, because it contains only those that are caught:

  - the lease of a run without a lease item is ignored (needs a lease deleted while a handler runs)
  - a sandbox that wakes after its time claims
  - a redrive's carrier has the name of another event's carrier (needs two operators and one holder at once)
  - a ttl counts from the due time, not from the end (needs an old generation that is delivered twice)
  - a takeover that was refused once does not mark the dead run
  - an occurrence that a carrier has buffered has no carrier
  - a renewal without a lease does not check the holder (a late one nearly always shortens the lease, and is refused)
  - a takeover by a newcomer does not require an empty slot (a delivery must enter the slot between the newcomer's read
    and its takeover; the contract of the store and the tests of the slot show it)
"""

from __future__ import annotations

from typing import NamedTuple

from tests.mutants.edit import Edit


class Mutant(NamedTuple):
    """One breakage.

    ``where``: the qualified name of a function, method or constant, such as ``Delivery.closing``. The edit must fit
    exactly once in all definitions of this name.
    ``caught_by``: the invariants that it breaks directly. One of these must be violated. Violations of others in
    earlier seeds are consequences, and do not count.
    ``switch``: a switch that is at its maximum in each seed, if few seeds show the breakage otherwise.
    """

    name: str
    where: str
    edit: Edit
    caught_by: tuple[str, ...]
    switch: str | None = None
