"""Many threads that wait, and two that work.

    idle.py BOARD THREADS

Half of those that wait do so for a lock, half in a long sleep. Board: rounds
of the two that work, together; the time of the last.
"""
import sys
import threading

import shared


def work(number, rounds, board, clock):
    x = 0
    while True:
        for i in range(5000):
            x += i
            x ^= 3
        rounds[number] += 1
        board.put(sum(rounds), clock())


def main():
    count = int(sys.argv[2])
    board = shared.Board(sys.argv[1], 2)
    rounds = [0, 0]
    shared.start_waiting(count - 2)
    clock = shared.wall_clock
    thread = threading.Thread(target=work, args=(1, rounds, board, clock),
                              name="work-1")
    thread.daemon = True
    thread.start()
    shared.ready(threads=count)
    work(0, rounds, board, clock)


if __name__ == "__main__":
    main()
