"""Contests: the same rows fetched in several ways, turn by turn, so that what disturbs one disturbs all."""

import os
import statistics
import subprocess
import time


def pipeline(*commands, env=None):
    """Run `a | b | …` and return what the last one wrote. All are gone afterwards, whatever happens."""
    env = None if env is None else {**os.environ, **env}
    running, left = [], subprocess.DEVNULL
    try:
        for command in commands:
            running.append(subprocess.Popen(command, stdin=left, stdout=subprocess.PIPE, env=env))
            if left is not subprocess.DEVNULL:
                left.close()
            left = running[-1].stdout
        said = left.read()
        for popen in running:
            if popen.wait() != 0:
                raise RuntimeError(f"{' '.join(popen.args)[:200]}: exit status {popen.returncode}")
        return said
    finally:
        for popen in running:
            popen.kill()
            popen.wait()
            popen.stdout.close()


class Command:
    """A command line, or several as a pipe: timed from its start to its end; what the last one says is kept."""

    def __init__(self, *commands, env=None):
        self.commands, self.env, self.said = commands, env, None

    def seconds(self):
        start = time.perf_counter()
        self.said = pipeline(*self.commands, env=self.env)
        return time.perf_counter() - start


class Measured:
    """What the turns of one contestant took."""

    def __init__(self, seconds):
        self.all = seconds
        self.median = statistics.median(seconds)

    def ratio_below(self, other):
        """What the other took by what this took: (of the medians, lowest of one round, highest of one round)."""
        each = [theirs / mine for theirs, mine in zip(other.all, self.all)]
        return other.median / self.median, min(each), max(each)


def contest(contestants, runs, watch, say):
    """contestants: {name: an object whose seconds() does it once}; a round without a clock comes first.
    Returns {name: Measured}."""
    taken = {name: [] for name in contestants}
    for turn in range(-1, runs):
        watch.look()
        for name, one in contestants.items():
            say(f"{name}, {f'run {turn + 1} of {runs}' if turn >= 0 else 'warming up'}")
            seconds = one.seconds()
            if turn >= 0:
                taken[name].append(seconds)
    say("")
    return {name: Measured(seconds) for name, seconds in taken.items()}
