"""Fetch the libraries of the report again, as ``vendored.toml`` names them.

To take a newer one: change its ``version`` there, run ``python refresh.py``, look at a report, and commit the
files with the checksums that were written. Needs ``npm``, which asks the registry that it is configured for;
nothing here runs what was fetched.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORD = HERE / "vendored.toml"


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(package: str, version: str, wanted: dict[str, str], folder: Path) -> None:
    """Put the files ``wanted`` (path in the package → name here) of one package into this folder."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{package}@{version}"]
    archive = folder / subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    with tarfile.open(archive) as tar:
        for path, name in wanted.items():
            member = tar.extractfile(f"package/{path}")
            if member is None:
                raise SystemExit(f"{package}@{version} has no file {path}.")
            (HERE / name).write_bytes(member.read())


def main() -> int:
    """Fetch every package once, and record the checksums."""
    text = RECORD.read_text(encoding="utf-8")
    files = tomllib.loads(text)["files"]
    packages = sorted({(entry["package"], entry["version"]) for entry in files})
    with tempfile.TemporaryDirectory() as folder:
        for package, version in packages:
            mine = [entry for entry in files if entry["package"] == package]
            wanted = {entry["file"]: entry["name"] for entry in mine}
            wanted["LICENSE"] = mine[0]["licence_file"]
            fetch(package, version, wanted, Path(folder))
    sums = iter([checksum(HERE / entry["name"]) for entry in files])
    text = re.sub(r'^sha256 = ".*"$', lambda _: f'sha256 = "{next(sums)}"', text, flags=re.MULTILINE)
    RECORD.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(files)} files of {len(packages)} packages, checksums in {RECORD.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
