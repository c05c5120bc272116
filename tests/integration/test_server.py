"""A real service under load, sampled by its PID while it answers."""
import json
import re
import sys
import urllib.request

from harness import (TARGETS, each_python, equal, expect, expect_untouched,
                     need, total)


@each_python()
def test_service_under_load(t):
    """Its time is where it is; it answers all the while, and ends well."""
    need("xmllint")
    server = t.ready("server.py")
    load = t.start([sys.executable, TARGETS + "/load.py",
                    server.facts["port"]])
    equal(load.line(), "ready", "the clients")
    saved, svg = t.path("run.strobe"), t.path("out.svg")
    t.pystrobe("record", "-p", str(server.pid), "-d", "1s", "-r", "200", "-o",
               saved)
    expect_untouched(server.pid)

    stacks = t.folded("report", saved)
    everything = total(stacks)
    expect(everything > 30, "only %d samples: %r", everything, stacks[:3])
    name = "Index.%s (" if t.python.minor >= (3, 11) else "%s ("
    answers = total(stacks, (name % "answer").replace("Index", "Service"))
    search = total(stacks, name % "search")
    expect(search > 0.15 * everything and search > 0.4 * answers,
           "search is what costs: %d, answers %d, of %d", search, answers,
           everything)
    for frames, _ in stacks:
        if any(frame.startswith(name % "score") for frame in frames):
            order = [i for i, frame in enumerate(frames) if re.match(
                r"(\w+\.)*(work|reply|answer|search|score) \(server", frame)]
            expect(len(order) >= 5, "a chain with a gap: %r", frames)
    threads = {frames[0] for frames, _ in t.folded("report", saved, "-t",
                                                   "-i")}
    for wanted in ["MainThread", "acceptor"] + ["pool-%d" % i
                                                for i in range(4)]:
        expect([name for name in threads if name.startswith(wanted + " (")],
               "no thread %s: %r", wanted, threads)

    t.pystrobe("report", saved, "-o", svg)
    t.run(["xmllint", "--noout", "--nonet", svg])
    with urllib.request.urlopen("http://127.0.0.1:%d/stats?prefix=co" %
                                server.facts["port"], timeout=30) as answer:
        expect(json.loads(answer.read().decode()), "no answer")
    asked = json.loads(load.stop().split("\n")[-2])
    equal(asked["failed"], 0, "requests that failed, of %d" % asked["asked"])
    ended = json.loads(server.stop().split("\n")[-2])
    equal(ended["failed"], 0, "answers that failed")
    equal(ended["served"], asked["asked"] + 1, "answers")
    equal(server.wait(), 0, "status of the service")
