"""Repairs: what an outage of a deploy has swallowed becomes final once operators have repaired it (I25)."""

from __future__ import annotations

from collections.abc import Collection

from cronstack_infra.play.prove.judges.judge import Judge


class Repairs(Judge):
    """Judges the occurrences whose schedules fired in vain, or were deleted with their group."""

    def at_rest_after_mending(self, excused: Collection[str]) -> None:
        swallowed = [name for name in self.log.unfinished() if self.log.run(name).swallowed and name not in excused]
        if swallowed:
            self.violated("I25", f"operators have repaired, and nothing brings {', '.join(swallowed)}")
