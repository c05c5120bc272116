"""A thousand functions in two hundred threads, of which a few work.

    live.py BOARD THREADS

Those that work call chains of functions that differ each time. Half of the
others wait for a lock, half in a long sleep. Board: rounds of those that work,
together; the time of the last.
"""
import random
import sys
import threading

import shared

FUNCTIONS, WORKERS = 1000, 4
SOURCE = """
def function_%d(depth, pick):
    x = 0
    for i in range(40):
        x += i
    if depth:
        return FOUND[pick(1000)](depth - 1, pick) + x
    return x
"""
FOUND = []


def make_functions():
    space = {"FOUND": FOUND}
    for number in range(FUNCTIONS):
        code = compile("\n" * (number % 500) + SOURCE % number,
                       "/srv/app/module_%d.py" % (number // 50), "exec")
        exec(code, space)
        FOUND.append(space["function_%d" % number])


def work(number, rounds, board, clock):
    pick = random.Random(number).randrange
    while True:
        for _ in range(100):
            FOUND[pick(FUNCTIONS)](12, pick)
        rounds[number] += 1
        board.put(sum(rounds), clock())


def main():
    count = int(sys.argv[2])
    make_functions()
    board = shared.Board(sys.argv[1], 2)
    rounds = [0] * WORKERS
    shared.start_waiting(count - WORKERS)
    for number in range(1, WORKERS):
        thread = threading.Thread(
            target=work, args=(number, rounds, board, shared.wall_clock),
            name="work-%d" % number)
        thread.daemon = True
        thread.start()
    shared.ready(threads=count)
    work(0, rounds, board, shared.wall_clock)


if __name__ == "__main__":
    main()
