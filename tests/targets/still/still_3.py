"""What Python 2 cannot read: coroutines, names that are not ASCII."""
import sys

main = sys.modules["__main__"]


class Step:
    def __init__(self, name):
        self.name = name

    def __await__(self):
        main.here(); main.gate.acquire()
        yield


async def inner(step, *, only):
    await step


async def outer(number):
    async def between(step):
        await inner(step, only=number)
    await between(Step("last"))


def delegate(work):
    yield from work.__await__()


def run():
    for _ in delegate(outer(2 ** 70)):
        pass


def größe(länge):
    return πππ(länge * 2)


def πππ(κύκλος):
    return list(map(lambda x: 𐐷(x, key=κύκλος), [κύκλος]))


def 𐐷(value, *, key):
    main.here(); main.gate.acquire()


def names():
    return größe(1.5)
