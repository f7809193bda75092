"""The table that the bench prints, line by line as the figures come."""

import sys

LAYOUT = "{:<41}{:>12}   {:<37}{:<21}{:<11}{}"
HEAD = ("", "Sluice", "beside it", "ratio (of a round)", "target", "")


class Progress:
    """One line that is written over, for who watches; nothing in a file."""

    def __init__(self):
        self.is_on = sys.stderr.isatty()

    def __call__(self, text):
        if self.is_on:
            sys.stderr.write(f"\r\033[K{text}")
            sys.stderr.flush()


class Table:
    def __init__(self):
        self.aims, self.short = 0, 0
        self._print(HEAD)

    @staticmethod
    def _print(cells):
        print(LAYOUT.format(*cells).rstrip(), flush=True)

    def line(self, what, ours, beside="", ratio="", target="", reached=None):
        """reached: None where nothing is aimed at."""
        verdict = "" if reached is None else "ok" if reached else "short"
        self.aims += reached is not None
        self.short += reached is False
        self._print((what, ours, beside, ratio, target, verdict))

    def verdict(self):
        return f"{self.aims - self.short} of {self.aims} targets reached"

    def faster(self, what, ours, peer, peer_name, least=None):
        """How many times as fast as a peer."""
        ratio, low, high = ours.ratio_below(peer)
        self._ratio(what, ours, peer, peer_name, (ratio, low, high),
                    f">= {least} x" if least else "", None if least is None else ratio >= least)

    def slower(self, what, ours, floor, floor_name, most):
        """How many times the time of a floor."""
        ratio, low, high = floor.ratio_below(ours)
        self._ratio(what, ours, floor, floor_name, (ratio, low, high), f"<= {most} x", ratio <= most)

    def _ratio(self, what, ours, other, other_name, ratio, target, reached):
        self.line(what, seconds(ours.median), f"{seconds(other.median):>8} {other_name}",
                  "{:.2f} x ({:.2f}-{:.2f})".format(*ratio), target, reached)


def seconds(value):
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"


def milliseconds(value):
    return f"{value * 1000:.1f} ms"


def mib(kib):
    return f"{kib / 1024:.1f} MiB"


def millions(n):
    """1000000 -> 1 M"""
    return f"{n / 1e6:g} M"
