"""Where things run: which processor has the target and which the profiler,
what machine this is, and how much CPU time a process has used."""
import os
import platform
import time


def read(path, default=""):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return default


def siblings(cpu):
    return read("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"
                % cpu)


def choose_cpus():
    """(target's, profiler's): of two cores when there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    first = cpus[0]
    apart = [cpu for cpu in cpus[1:] if siblings(cpu) != siblings(first)]
    return (apart or cpus)[-1], first


TARGET_CPU, PROFILER_CPU = choose_cpus()


def pin_to(cpu):
    """For preexec_fn."""
    return lambda: os.sched_setaffinity(0, {cpu})


def about():
    model = ""
    for line in read("/proc/cpuinfo").split("\n"):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    flags = read("/proc/cpuinfo")
    return {
        "cpu": model, "cpus": os.cpu_count(), "kernel": platform.release(),
        "virtual": " hypervisor" in flags,
        "target cpu": TARGET_CPU, "profiler cpu": PROFILER_CPU,
        "one core": TARGET_CPU == PROFILER_CPU or
        siblings(TARGET_CPU) == siblings(PROFILER_CPU) != "",
        "load": os.getloadavg()[0],
    }


def times(pid):
    """(CPU s, s that it waited for a processor) of all threads of a process
    so far; zeros when it is gone. From the scheduler, to the nanosecond;
    where it does not say, CPU time in clock ticks."""
    used = waited = 0
    try:
        for tid in os.listdir("/proc/%d/task" % pid):
            fields = read("/proc/%d/task/%s/schedstat" % (pid, tid)).split()
            if len(fields) > 1:
                used += int(fields[0])
                waited += int(fields[1])
        if used:
            return used * 1e-9, waited * 1e-9
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK"), 0.0
    except (OSError, IndexError, ValueError):
        return 0.0, 0.0


def peak_resident(pid):
    """Peak resident MB so far, or 0 once the process has ended. Not from
    wait4: its figure begins with ours, from before exec."""
    for line in read("/proc/%d/status" % pid).split("\n"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0


def sleep_until(when):
    """A window of measurement ends at an instant of the monotonic clock."""
    left = when - time.monotonic()
    while left > 0:
        time.sleep(left)
        left = when - time.monotonic()
