"""Shares are those of the time, of what moves as of what stands still."""
import json

from harness import alone, apart, each_python, expect, total

BOUND = 0.045  # four standard deviations of 2000 ticks


def record(t, way):
    """Parts of the ticks by function, of moments.py, and what it says itself."""
    target, saved = t.ready("moments.py"), t.path("run.strobe")
    with apart(target):
        t.pystrobe("record", "-p", str(target.pid), "-d", "2s", "-r", "1k",
                   "-o", saved, way)
    took = json.loads(target.stop())
    report = json.loads(t.pystrobe("report", saved, "--json").out)["recording"]
    ticks, stacks = report["ticks"], t.folded("report", saved)
    expect(ticks > 1000, "only %d ticks", ticks)
    return {name: total(stacks, text) / ticks for name, text in (
        ("moving", "moving ("), ("standing", "standing ("),
        ("moment", "moment ("), ("marked", "<moving>"))}, took


@alone
@each_python(minimum=(3, 6))
def test_of_what_runs_for_a_moment(t):
    """Stacks that are gone by the time they are read count, too."""
    moments = {}
    for way in ("--blocking", "--pause-budget=100"):
        seen, took = record(t, way)
        moments[way] = seen["moment"]
        for name in ("moving", "standing"):
            expect(abs(seen[name] - took[name]) < BOUND, "%s: %s, took %s",
                   way, seen, took)
    expect(min(moments.values()) > 0.03, "hardly any: %s", moments)
    expect(max(moments.values()) - min(moments.values()) < BOUND,
           "another part of the ticks in the generator: %s", moments)


@alone
@each_python(minimum=(3, 6))
def test_of_what_cannot_be_read(t):
    """Without a stop it is said to move, and is nothing else instead."""
    seen, took = record(t, "--nonblocking")
    expect(all(seen[name] < took[name] + BOUND for name in took), "%s, took %s",
           seen, took)
    expect(sum(took.values()) < seen["moving"] + seen["standing"] +
           seen["marked"] + BOUND, "%s, took %s", seen, took)
    expect(seen["standing"] > 0.5 * took["standing"], "%s, took %s",
           seen, took)
