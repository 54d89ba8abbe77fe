"""Incompatible changes without a higher version. Each is correct alone and must fail in a mix; ``DONE_RIGHT`` passes.

They show that the mix detects faults. The judges of plans compare hashes of inputs with today's, so a break runs in
seeds without application code.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cronstack_infra.play.prove.models.mix import PLANNING
from tests.mixed.loading import Replacement, Source
from tests.mixed.mixing import NEXT, TODAY, Pair
from tests.mixed.rollouts import EQUAL, RAISED


def without_plans(seeds: int) -> list[int]:
    """Return so many seeds without application code."""
    return [seed for seed in range(seeds * PLANNING) if seed % PLANNING != PLANNING - 1][:seeds]


class Break(NamedTuple):
    """The code before is today's with these edits."""

    name: str
    edits: tuple[Replacement, ...]

    @property
    def before(self) -> Source:
        return Source(self.name, edits=self.edits)

    @property
    def pair(self) -> Pair:
        return Pair(self.before, TODAY, EQUAL)


_WRITERS: Final = ("claim_requests", "conditions", "run_requests")
"""Modules that write attributes of a lease."""
BREAKS: Final = (
    Break(
        "the count of renewals has another name",
        (
            *(Replacement(f"ledger/{module}.py", "#beats", "#pulse") for module in _WRITERS),
            Replacement(
                "ledger/items.py",
                "    plain = {name: decode(value) for name, value in item.items()}\n",
                '    plain = {"beats" if name == "pulse" else name: decode(value) for name, value in item.items()}\n',
            ),
        ),
    ),
    Break(
        "the hash of the input is shorter",
        (
            Replacement(
                "occurrence.py",
                "sha256(canonical(input).encode()).hexdigest()[:32]",
                "sha256(canonical(input).encode()).hexdigest()[:16]",
            ),
        ),
    ),
)

RUN_REQUESTS: Final = "ledger/run_requests.py"
DONE_RIGHT: Final = Pair(
    TODAY,
    Source(
        "renamed",
        edits=(
            *NEXT.edits,
            Replacement(RUN_REQUESTS, '"#saves", "#event", "#listed"]', '"#saves", "#event", "#listed", "#asked"]'),
            Replacement("ledger/conditions.py", "attribute_not_exists(#event)", "attribute_not_exists(#asked)"),
            Replacement(
                "ledger/claim_requests.py", "#error, #event, #listed, #reported", "#error, #asked, #listed, #reported"
            ),
            Replacement(RUN_REQUESTS, "#event = if_not_exists(#event,", "#asked = if_not_exists(#asked,"),
            Replacement(
                RUN_REQUESTS, 'f", #{name} = :{name}"', "f\", #{'asked' if name == 'event' else name} = :{name}\""
            ),
            Replacement(RUN_REQUESTS, '"event": closing.event,', '"asked": closing.event,'),
            Replacement(RUN_REQUESTS, "#event = :event", "#asked = :event"),
            Replacement(
                "ledger/items.py",
                "    return RunItem(**(known | {",
                '    known |= {"event": plain["asked"]} if "asked" in plain else {}\n    return RunItem(**(known | {',
            ),
        ),
    ),
    RAISED,
)
"""The event of a run has another name, with a higher version, and the newer code reads both."""
