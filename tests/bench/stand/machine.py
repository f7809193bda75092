"""The machine that the figures are of: what it is, and how much of it others use meanwhile."""

import os
import platform
import re
import subprocess
import time

BUSY = 0.05  # of all cores: more than that by others, and the figures say little


def read_text(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read()


def memory_total():
    """Bytes."""
    return int(re.search(r"MemTotal:\s+(\d+) kB", read_text("/proc/meminfo"))[1]) * 1024


def cpu_model():
    found = re.search(r"model name\s*: (.*)", read_text("/proc/cpuinfo"))
    return found[1] if found else platform.machine()


def nginx_version():
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().rsplit("/", 1)[-1]


def line():
    return (f"{os.cpu_count()} cores, {cpu_model()}, {memory_total() / 2**30:.0f} GiB, "
            f"{platform.system()} {platform.release()}")


def load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def process_kib(pid, field):
    """A field of /proc/PID/status that counts memory: VmHWM (most ever resident), RssAnon (private, now)."""
    found = re.search(rf"(?m)^{field}:\s+(\d+) kB$", read_text(f"/proc/{pid}/status"))
    if not found:
        raise ValueError(f"process {pid} has no {field}")
    return int(found[1])


def tree_seconds(pid):
    """What a process has used of the CPU, and its children, those that are gone too (proc(5): utime … cstime)."""
    try:
        ticks = sum(map(int, read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[11:15]))
        below = read_text(f"/proc/{pid}/task/{pid}/children").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # gone just now
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(tree_seconds, below))


def cpu_times():
    """(busy, all) of all cores together, in ticks since boot (proc(5)): what a hypervisor took counts as busy."""
    ticks = [int(word) for word in read_text("/proc/stat").split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


class Watch:
    """How busy others keep the machine, looked at while the bench itself does nothing."""

    def __init__(self):
        self.shares = []

    def look(self, seconds=0.5):
        busy, total = cpu_times()
        time.sleep(seconds)
        busy_then, total_then = cpu_times()
        self.shares.append((busy_then - busy) / max(total_then - total, 1))
        return self.shares[-1]

    def verdict(self):
        """One line: what there was to see."""
        worst, mean = max(self.shares), sum(self.shares) / len(self.shares)
        said = (f"load average {load()}; others used {mean:.0%} of the machine on average, {worst:.0%} at worst "
                f"({len(self.shares)} looks between the runs)")
        return said if mean <= BUSY else f"{said}\nWARNING: the machine was busy with other things: " \
                                         "seconds are too long, and ratios are rough"
