#!/usr/bin/env python3
"""The sample file and the manual name exactly the keys that the program knows, with the same defaults.

Run by `make check` in the build directory; srcdir names the source tree.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

SRC = os.environ.get("srcdir") or "."
SAMPLE = os.path.join(SRC, "etc", "sluice.conf")
MANUAL = os.path.join(SRC, "man", "sluice.conf.5")
COMMAND_MANUAL = os.path.join(SRC, "man", "sluice.1")
GROUPS = ("databases", "tables", "policies")

# Web servers do not start without the directory of their log of downloads: who sets them up is told, and the units make it.
# The group is that of the sweeper, which is Apache's own user where mod_fcgid starts the workers.
MAKES_LOGS = "install -d -o root -g sluice -m 0751 /var/log/sluice"
SETS_UP = ("README.md", "etc/nginx.conf", "etc/apache-proxy-fcgi.conf", "man/sluice-sweep.8",
           "etc/systemd/sluice-stream.service", "etc/systemd/sluice-control.service", "etc/systemd/sluice-worker.service")


def sluice(*args):
    """Standard output of ./sluice; a failure ends the test with what the program said."""
    ran = subprocess.run(["./sluice", *args], capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"sluice {' '.join(args)}: status {ran.returncode}: {ran.stderr}")
    return ran.stdout


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def without_comments(text):
    """JSON with // and /* */ comments, less the comments; strings are left alone."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.S)
    return token.sub(lambda m: m[0] if m[0].startswith('"') else " ", text)


def flatten(conf):
    """{"limits.page_rows": …, "tables.<key>.name": …} of a parsed configuration."""
    flat = {}
    for section, content in conf.items():
        if section in GROUPS:
            for member in content.values():
                flat.update({f"{section}.<key>.{k}": v for k, v in member.items()})
        elif isinstance(content, dict):
            flat.update({f"{section}.{k}": v for k, v in content.items()})
        else:
            flat[section] = content
    return flat


def as_text(value):
    """A value as the table of keys spells a default."""
    return ",".join(value) if isinstance(value, list) else str(value)


def difference(what, found, known):
    """Lines about names that are in one alone, or whose defaults differ."""
    lines = [f"{what} lacks {k}" for k in known if k not in found]
    lines += [f"{what} has {k}, which the program does not know" for k in found if k not in known]
    lines += [
        f"{what} says {k} is {found[k]!r} by default, the program {known[k]!r}"
        for k in known
        if k in found and found[k] is not None and found[k] != known[k]
    ]
    return lines


def main():
    rows = [line.split("\t") for line in sluice("config", "--keys").splitlines()]
    known = {name: default for name, default, _ in rows}
    complaints = [f"--keys has no help for {name}" for name, _, text in rows if not text]
    required = {name for name, default in known.items() if default == "(required)"}

    # Of the sample, keys of a user's own choice do not show defaults.
    own = required | {"auth.jwks", "tables.<key>.database", "tables.<key>.name"}
    sample = {
        name: None if name in own else as_text(value)
        for name, value in flatten(json.loads(without_comments(read(SAMPLE)))).items()
    }
    complaints += difference(SAMPLE, sample, known)

    items = re.findall(r"^\.It Ic (\S+)(?: Ar (\S+))?$", read(MANUAL), re.M)
    manual = {name: None if name in required else default for name, default in items}
    complaints += difference(MANUAL, manual, known)
    if len(items) != len(manual):
        complaints.append(f"{MANUAL} explains a key twice")

    # What the program prints, it reads, and prints the same again (secrets aside).
    printed = sluice("-c", SAMPLE, "config")
    complaints += [f"config does not print {k}" for k in known
                   if k != "include" and k not in flatten(json.loads(printed))]
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as again:
        again.write(printed)
        again.flush()
        if sluice("-c", again.name, "config") != printed:
            complaints.append("config does not read back what it prints")

    text = read(COMMAND_MANUAL).replace("Fl -", "--").replace("Cm ", "")
    complaints += [f"{COMMAND_MANUAL} lacks {word}"
                   for word in set(re.findall(r"--[a-z]+|^  [a-z]+(?: init)?", sluice("--help"), re.M))
                   if word.strip() not in text]

    makes = {**dict.fromkeys(SETS_UP, MAKES_LOGS), "etc/apache-mod_fcgid.conf": MAKES_LOGS.replace("-g sluice", "-g www-data")}
    complaints += [f"{name} does not make /var/log/sluice, or otherwise" for name, line in makes.items()
                   if line not in read(os.path.join(SRC, name))]

    print("\n".join(complaints) or f"{len(known)} keys agree")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
