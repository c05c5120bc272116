"""More functions than pystrobe remembers: 250 chains of calls, 400 deep.

Prints "ready" once it runs them, again and again for 3 ms each; ends when
standard input does.
"""
import sys
import threading
import time

CHAINS, DEPTH = 250, 400
CALL = "def step_%d(run):\n    return step_%d(run)\n"
LAST = "def step_%d(run):\n    return run()\n"


def chain(number):
    names = {}
    source = "".join(CALL % (i, i + 1) for i in range(DEPTH)) + LAST % DEPTH
    exec(compile(source, "chain_%d.py" % number, "exec"), names)
    return names["step_0"]


def run():
    end = time.perf_counter() + 0.003
    while time.perf_counter() < end:
        pass


def work():
    chains = [chain(number) for number in range(CHAINS)]
    print("ready", flush=True)
    while True:
        for each in chains:
            each(run)


threading.Thread(target=work, daemon=True).start()
sys.stdin.read()
