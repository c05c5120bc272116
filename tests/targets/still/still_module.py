"""Stands still while it is imported."""
import sys

main = sys.modules["__main__"]


class Body(object):
    main.here(); main.gate.acquire()
