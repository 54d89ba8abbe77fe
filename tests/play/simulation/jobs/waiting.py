"""Waits of every kind in the standard library. Each returns its result."""

import asyncio
import queue
import select
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from concurrent.futures import TimeoutError as NotDone
from importlib import import_module

from cronstack import Run, job

WAYS: dict[str, Callable[[], object]] = {}
POOL = ThreadPoolExecutor(2)


def way(function: Callable[[], object]) -> Callable[[], object]:
    WAYS[function.__name__] = function
    return function


@job(timeout=600, retries=0)
def waiting(run: Run) -> dict[str, object]:
    began = time.monotonic()
    saw = WAYS[run.input["way"]]()
    return {"saw": saw, "seconds": round(time.monotonic() - began, 1)}


@way
def event() -> object:
    return threading.Event().wait(20)


@way
def event_set_by_a_timer() -> object:
    done = threading.Event()
    threading.Timer(20, done.set).start()
    return done.wait(100)


@way
def condition() -> object:
    with (condition := threading.Condition()):
        return condition.wait_for(lambda: False, 20)


@way
def lock() -> object:
    taken = threading.Lock()
    taken.acquire()
    return taken.acquire(timeout=20)


@way
def reentrant_lock() -> object:
    taken = threading.RLock()
    holder = threading.Thread(target=lambda: (taken.acquire(), time.sleep(20), taken.release()))
    holder.start()
    time.sleep(0)
    return [taken.acquire(timeout=5), taken.acquire(), taken.acquire()]


@way
def semaphore() -> object:
    return threading.Semaphore(0).acquire(timeout=20)


@way
def barrier() -> object:
    meeting = threading.Barrier(2)
    threading.Thread(target=lambda: (time.sleep(20), meeting.wait())).start()
    return meeting.wait(100) in (0, 1)


@way
def join() -> object:
    sleeper = threading.Thread(target=time.sleep, args=(20,))
    sleeper.start()
    sleeper.join(5)
    alive = sleeper.is_alive()
    sleeper.join()
    return [alive, sleeper.is_alive()]


@way
def queue_get() -> object:
    try:
        return queue.Queue[int]().get(timeout=20)
    except queue.Empty:
        return "empty"


@way
def queue_put() -> object:
    full = queue.Queue[int](1)
    full.put(1)
    try:
        full.put(2, timeout=20)
    except queue.Full:
        return "full"
    return "taken"


@way
def simple_queue() -> object:
    given = queue.SimpleQueue[str]()
    threading.Thread(target=lambda: (time.sleep(20), given.put("given"))).start()
    return given.get(timeout=100)


@way
def producer_and_consumer() -> object:
    given, taken = queue.Queue[int](2), []

    def produce() -> None:
        for number in range(5):
            time.sleep(4)
            given.put(number)

    threading.Thread(target=produce).start()
    for _ in range(5):
        taken.append(given.get())
    return taken


@way
def select_select() -> object:
    silent, other = socket.socketpair()
    with silent, other:
        return [len(ready) for ready in select.select([silent], [], [], 20)]


@way
def select_poll() -> object:
    silent, other = socket.socketpair()
    with silent, other:
        poll = select.poll()
        poll.register(silent, select.POLLIN)
        return poll.poll(20_000)


@way
def selector_that_a_thread_wakes() -> object:
    reading, writing = socket.socketpair()
    with reading, writing, selectors.PollSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        threading.Thread(target=lambda: (time.sleep(20), writing.send(b"x"))).start()
        return len(selector.select())


@way
def future_result() -> object:
    with ThreadPoolExecutor(1) as pool:
        slow: Future[None] = pool.submit(time.sleep, 20)
        try:
            slow.result(timeout=5)
        except NotDone:
            return "not done"
    return "done"


@way
def futures_wait() -> object:
    with ThreadPoolExecutor(4) as pool:
        done, waiting = wait([pool.submit(time.sleep, seconds) for seconds in (5, 10, 20)], timeout=12)
    return [len(done), len(waiting)]


@way
def futures_as_completed() -> object:
    with ThreadPoolExecutor(4) as pool:
        sleepers = {pool.submit(time.sleep, seconds): seconds for seconds in (20, 5, 10)}
        return [sleepers[done] for done in as_completed(sleepers, timeout=30)]


@way
def pool_of_the_module() -> object:
    return list(POOL.map(lambda seconds: time.sleep(seconds) or seconds, (10, 10, 10, 10)))


@way
def asyncio_wait_for() -> object:
    async def work() -> object:
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 15)
        except TimeoutError:
            await asyncio.sleep(5)
            return "timed out"

    return asyncio.run(work())


@way
def asyncio_to_thread() -> object:
    async def work() -> object:
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 20) for _ in range(3)))
        return threading.active_count() > 1

    return asyncio.run(work())


@way
def polls_with_sleep_zero() -> object:
    began = time.monotonic()
    while time.monotonic() - began < 20:
        time.sleep(0)
    return "over"


@way
def other_deployed_package() -> object:
    fetching = import_module("fetching")
    began = fetching.monotonic()
    fetching.pause(20)
    return round(fetching.monotonic() - began)


@way
def thread_local_values() -> object:
    mine = threading.local()
    mine.value = "handler"
    seen = []

    def look() -> None:
        seen.append(getattr(mine, "value", None))
        mine.value = threading.current_thread().name
        time.sleep(20)
        seen.append(mine.value)

    other = threading.Thread(target=look, name="other")
    other.start()
    other.join()
    return [mine.value, *seen, threading.current_thread() is threading.main_thread()]


@way
def child_process() -> object:
    slow = [sys.executable, "-c", "import time; time.sleep(0.3); print('ended')"]
    ended = subprocess.run(slow, capture_output=True, text=True, timeout=60, check=True)
    child = subprocess.Popen(slow, stdout=subprocess.DEVNULL)
    return [ended.stdout.strip(), child.wait(60)]


@job(timeout=60, retries=0, overlap="allow")
def meanwhile(run: Run) -> str:
    """Wait in asyncio. Two of these overlap, each with its own event loop."""

    async def work() -> str:
        await asyncio.sleep(run.input["seconds"])
        return "over"

    return asyncio.run(work())


BEATS: list[float] = []


@job(timeout=600, retries=0)
def background(run: Run) -> int:
    """Start a thread that outlives the invocation. Lambda freezes it until the next one."""

    def beat() -> None:
        while True:
            time.sleep(1)
            BEATS.append(time.time())

    if not BEATS:
        threading.Thread(target=beat, daemon=True).start()
    time.sleep(3.5)
    return len(BEATS)


@job(timeout=10, retries=0)
def endless_threads(run: Run) -> None:
    """Start threads that catch every exception."""

    def hold() -> None:
        while True:
            try:
                time.sleep(1)
            except BaseException:
                continue

    for _ in range(2):
        threading.Thread(target=hold).start()
    threading.Event().wait()


@job(timeout=600, retries=0)
def polling(run: Run) -> str:
    """Poll a clock without waiting."""
    clock = {"time": time.time, "monotonic": time.monotonic, "computing": time.perf_counter}[run.input["clock"]]
    end = clock() + 5
    if run.input["clock"] == "computing":
        return str(sum(number * number for number in range(300_000)) > 0 and clock() < end)
    while True:
        if passed(clock, end):
            return "passed"


def passed(clock: Callable[[], float], end: float) -> bool:
    return clock() > end
