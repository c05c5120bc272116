"""Asks server.py for things, over loopback, until standard input ends or a
minute has passed; then prints {"asked": N, "failed": N}.

    load.py PORT [CLIENTS]
"""
import http.client
import json
import random
import sys
import threading
import time

LIMIT = 60  # seconds
WORDS = ("import path self return class def thread lock open read write name "
         "value error raise list dict text line file index").split()


class Client(threading.Thread):
    def __init__(self, port, seed, stop):
        threading.Thread.__init__(self, daemon=True)
        self.port = port
        self.random = random.Random(seed)
        self.stop = stop
        self.asked = self.failed = 0

    def ask(self):
        pick = self.random.random()
        words = self.random.sample(WORDS, 12)
        if pick < 0.5:
            job = ("GET", "/search?q=" + "+".join(words), None)
        elif pick < 0.75:
            job = ("POST", "/tokens", " ".join(words * 1000))
        elif pick < 0.9:
            job = ("GET", "/stats?prefix=" + words[0][:2], None)
        else:
            job = ("GET", "/report", None)
        connection = http.client.HTTPConnection("127.0.0.1", self.port,
                                                timeout=30)
        try:
            connection.request(*job)
            response = connection.getresponse()
            return response.status == 200 and bool(json.loads(
                response.read().decode()))
        finally:
            connection.close()

    def run(self):
        until = time.monotonic() + LIMIT
        while not self.stop.is_set() and time.monotonic() < until:
            self.asked += 1
            try:
                self.failed += not self.ask()
            except (OSError, ValueError, http.client.HTTPException):
                self.failed += 1


def main():
    stop = threading.Event()
    clients = [Client(int(sys.argv[1]), seed, stop)
               for seed in range(int((sys.argv[2:] or ["3"])[0]))]
    for client in clients:
        client.start()
    while not sum(client.asked for client in clients) > 5:
        time.sleep(0.01)
    print("ready", flush=True)
    sys.stdin.read()
    stop.set()
    for client in clients:
        client.join()
    print(json.dumps({"asked": sum(c.asked for c in clients),
                      "failed": sum(c.failed for c in clients)}))


if __name__ == "__main__":
    main()
