"""Coroutines for chain.py: Python 3.6 and later."""
import asyncio


class AsyncManager:
    def __init__(self, end):
        self.end = end

    async def __aenter__(self):
        return await iterate(self.end)

    async def __aexit__(self, *unused):
        return False


class Awaitable:
    def __init__(self, end):
        self.end = end

    def __await__(self):
        yield from delegating(self.end)


async def outer(end):
    await asyncio.sleep(0)
    return await middle(end)


async def middle(end):
    async with AsyncManager(end) as found:
        return found


async def iterate(end):
    async for value in async_generator(end):
        return value


async def async_generator(end):
    await asyncio.sleep(0)
    yield await from_comprehension(end)


async def from_comprehension(end):
    return [await inner(end) for _ in range(1)]


async def inner(end):
    await Awaitable(end)


def delegating(end):
    yield from delegated(end)


def delegated(end):
    end()
    yield


async def task_body(end):
    await asyncio.sleep(0)
    end()


async def gathering(end):
    await asyncio.gather(task_body(end), asyncio.sleep(1000))


def run(coroutine):
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


def awaits(end):
    run(outer(end))


def tasks(end):
    run(gathering(end))


def by_send(end):
    """A generator driven by hand, from another one."""
    def echo():
        while True:
            got = yield
            if got:
                end()

    generator = echo()
    next(generator)
    generator.send(True)


def unfinished(end):
    """A suspended generator is on no stack, though it has a frame."""
    def waiting():
        yield 1
        yield 2

    suspended = waiting()
    next(suspended)
    end()
    return suspended


CHAINS = {"awaits": awaits, "tasks": tasks, "send": by_send,
          "unfinished": unfinished}
