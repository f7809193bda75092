"""sluice verify: files that are whole, and each way in which they are not. The manifests are made here, by their description in
lib/job/manifest.h; tests/unit/test_manifest.c holds what the program writes and reads against it.
"""

import hashlib
import json
import os
import subprocess

import pytest

JOB = "01890a5d-ac96-774b-bcce-b302099a8057"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Export:
    """Files in a folder, each made of parts, with their manifest."""

    def __init__(self, prefix, folder, files):
        self.program, self.folder = os.path.join(prefix, "bin", "sluice"), folder
        for name, parts in files.items():
            (folder / name).write_bytes(b"".join(parts))
        wholes = [b"".join(parts) for parts in files.values()]
        self.manifest = {
            "version": 1, "createdBy": "a test", "job": JOB, "request": {"format": "csv"}, "snapshot": None, "schema": None,
            "lossy": [], "nextCursor": None,
            "parts": [{"file": n, "first": None, "last": None, "rows": 1, "bytes": len(part), "sha256": sha256(part)}
                      for n, parts in enumerate(files.values(), 1) for part in parts],
            "files": [{"name": name, "media": "text/csv", "bytes": len(data), "sha256": sha256(data)}
                      for name, data in zip(files, wholes)],
            "totals": {"rows": sum(map(len, files.values())), "bytes": sum(map(len, wholes)),
                       "parts": sum(map(len, files.values())), "files": len(files)}}

    def write(self, folder=None):
        path = (folder or self.folder) / "manifest.json"
        path.write_text(json.dumps(self.manifest), encoding="utf-8")
        return path

    def verify(self, *args, cwd=None):
        """Status, lines on standard output, standard error."""
        done = subprocess.run([self.program, "verify", *map(str, args or (self.write(),))], capture_output=True, text=True,
                              cwd=cwd, timeout=60, check=False)
        return done.returncode, done.stdout.splitlines(), done.stderr


# Larger than a block that is read, with parts that end inside of blocks and at none of their ends.
PARTS = [b"a" * 1500000, b"b" * 700001, b"", b"c" * 2500000]
FILES = {"users.csv": PARTS, "größe.csv": [b"x\n", b"y\n"], "none.csv": [b""]}


@pytest.fixture
def export(prefix, tmp_path):
    return Export(prefix, tmp_path, FILES)


def test_whole(export, tmp_path):
    lines = ['"users.csv": whole, 4700001 bytes, 4 parts', '"größe.csv": whole, 4 bytes, 2 parts',
             '"none.csv": whole, 0 bytes, 1 parts']
    (tmp_path / "more.csv").write_bytes(b"not in the manifest")
    assert export.verify() == (0, lines, "")
    assert export.verify("manifest.json", cwd=tmp_path) == (0, lines, "")
    apart = tmp_path / "apart"
    apart.mkdir()
    manifest = export.write(apart)
    assert export.verify(manifest, tmp_path) == (0, lines, "")
    assert export.verify(manifest)[0] == 1


@pytest.mark.parametrize("at, part", [
    (0, 1), (1499999, 1), (1500000, 2), (1500000 + 350000, 2), (2200000, 2), (2200001, 4), (4700000, 4)])
def test_a_flipped_byte(export, tmp_path, at, part):
    with open(tmp_path / "users.csv", "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1]))
    status, lines, _ = export.verify()
    sizes = [len(p) for p in PARTS]
    assert (status, lines[0]) == (
        1, f'"users.csv": part {part} ({sizes[part - 1]} bytes from byte {sum(sizes[:part - 1])} on) is not what was written')
    assert [line.endswith("parts") for line in lines] == [False, True, True]


def test_parts_of_later_files_keep_their_numbers(export, tmp_path):
    (tmp_path / "größe.csv").write_bytes(b"x\nz\n")
    assert export.verify()[1][1] == '"größe.csv": part 6 (2 bytes from byte 2 on) is not what was written'


@pytest.mark.parametrize("size, said", [
    (0, "it ends in part 1"), (1499999, "it ends in part 1"), (1500000, "it ends in part 2"), (4700000, "it ends in part 4"),
    (4700002, None)])
def test_another_size(export, tmp_path, size, said):
    os.truncate(tmp_path / "users.csv", size)
    status, lines, _ = export.verify()
    assert (status, lines[0]) == (1, f'"users.csv": has {size} bytes, not 4700001' + (f": {said}" if said else ""))


def test_no_file(export, tmp_path):
    (tmp_path / "users.csv").unlink()
    (tmp_path / "none.csv").unlink()
    os.mkfifo(tmp_path / "none.csv")
    assert export.verify()[:2] == (1, ['"users.csv": is missing', '"größe.csv": whole, 4 bytes, 2 parts',
                                       '"none.csv": is no plain file'])


def test_a_file_of_no_parts(export, tmp_path):
    export.manifest["parts"] = [part for part in export.manifest["parts"] if part["file"] != 2]
    export.manifest["totals"].update(rows=5, parts=5)
    assert export.verify()[:1] == (0,)
    (tmp_path / "größe.csv").write_bytes(b"x\nz\n")
    assert export.verify()[:2] == (1, ['"users.csv": whole, 4700001 bytes, 4 parts', '"größe.csv": is not what was written',
                                       '"none.csv": whole, 0 bytes, 1 parts'])


def test_a_manifest_that_lies(export):
    export.manifest["files"][0]["sha256"] = "0" * 64
    assert export.verify()[1][0] == '"users.csv": is not what was written, though its parts are'
    export.manifest["totals"]["rows"] += 1
    status, lines, error = export.verify()
    assert (status, lines) == (1, []) and "contradicts itself" in error


def test_parts_in_another_order(export):
    """Their sizes change places with their hashes: all adds up, and the first of them is bad."""
    parts = export.manifest["parts"]
    parts[0], parts[1] = parts[1], parts[0]
    assert export.verify()[1][0].startswith('"users.csv": part 1 ')


def test_a_manifest_does_not_lead_elsewhere(export, tmp_path):
    (tmp_path / "in").mkdir()
    export.manifest["files"][0]["name"] = "../users.csv"
    manifest = export.write(tmp_path / "in")
    status, lines, error = export.verify(manifest)
    assert (status, lines) == (2, []) and "/files/0" in error


def test_calls_that_verify_nothing(export, tmp_path):
    none = tmp_path / "none.json"
    none.write_text("{}", encoding="utf-8")
    manifest = export.write()
    for args in ((tmp_path / "gone.json",), (none,), (tmp_path,), (manifest, tmp_path / "gone"), (manifest, none),
                 (manifest, tmp_path, tmp_path), ("--keys", manifest)):
        status, lines, error = export.verify(*args)
        assert (status, lines) == (2, []) and error.startswith("sluice: ") and error.count("\n") == 1, args
    done = subprocess.run([export.program, "verify"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "verify" in done.stderr
