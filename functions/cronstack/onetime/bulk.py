"""Schedules many one-time occurrences: a bounded number in flight, one result for each order, and safe to repeat.

To resume an interrupted call, repeat it: an order that the first call has planned is "unchanged" in the second, for two
requests. Orders are read one by one, so a generator of millions never becomes a list.

Orders of one key are carried out one after another. An order whose key is in flight waits, and all later orders wait
with it. So of several orders with ``replace=True`` the last one holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cronstack.errors import CronstackError, OnceError

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan

MOST: Final = 64
"""Most orders in flight at once."""


class Result(NamedTuple):
    """The result of one order: a plan, or the fault of this order alone."""

    key: Any
    plan: Plan | None
    fault: CronstackError | None


Progress = Callable[[int, int], None]
"""Callback with the number of orders done, and the number of these that failed."""


def schedule_many(
    schedule: Callable[..., Plan],
    orders: Iterable[Mapping[str, Any]],
    *,
    concurrency: int,
    progress: Progress | None,
    defaults: Mapping[str, Any],
) -> Iterator[Result]:
    """Call ``schedule`` for each order. Yield the results as they complete, not in the order of the orders.

    ``schedule`` is ``once.schedule`` of one job; several threads call it. An order contains its keyword arguments;
    ``defaults`` contains those that all orders share. Raise OnceError for a concurrency out of range, never for an
    order.
    """
    if not isinstance(concurrency, int) or not 1 <= concurrency <= MOST:
        raise OnceError(f"concurrency={concurrency!r}: it must be 1 to {MOST}")
    return _results(schedule, iter(orders), concurrency, progress, defaults)


def _results(
    schedule: Callable[..., Plan],
    orders: Iterator[Mapping[str, Any]],
    concurrency: int,
    progress: Progress | None,
    defaults: Mapping[str, Any],
) -> Iterator[Result]:
    done = failed = 0
    with ThreadPoolExecutor(concurrency, thread_name_prefix="once") as pool:
        in_flight: dict[Future[Result], str] = {}
        order = next(orders, None)
        while order is not None or in_flight:
            while order is not None and len(in_flight) < 2 * concurrency and _identity(order) not in in_flight.values():
                in_flight[pool.submit(_schedule, schedule, {**defaults, **order})] = _identity(order)
                order = next(orders, None)
            for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
                del in_flight[future]
                result = future.result()
                done, failed = done + 1, failed + (result.fault is not None)
                if progress is not None:
                    progress(done, failed)
                yield result


def _identity(order: Mapping[str, Any]) -> str:
    """Return equal text for orders of one key. ``schedule`` refuses a key of another type later."""
    return repr(order.get("key"))


def _schedule(schedule: Callable[..., Plan], order: Mapping[str, Any]) -> Result:
    key = order.get("key")
    try:
        return Result(key, schedule(**order), None)
    except CronstackError as fault:
        return Result(key, None, fault)
    except TypeError as fault:  # for example a keyword that schedule() does not have
        return Result(key, None, OnceError(f"the order with key {key!r} is not valid: {fault}"))
