"""Lookup of the folders that are not Python packages, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evolve.errors import InfrastructureError

Folder = Literal["seeds", "benchmarks", "sandbox"]

_PACKAGE = Path(__file__).resolve().parent


def folder(name: Folder) -> Path:
    """Return the directory ``name``: inside the package (wheel) or next to it (checkout, editable).

    Raises:
        InfrastructureError: neither place has it, so the installation is broken.
    """
    places = (_PACKAGE / "_resources" / name, _PACKAGE.parent / name)
    for place in places:
        if place.is_dir():
            return place
    looked = " nor ".join(str(place) for place in places)
    raise InfrastructureError(
        f"The folder {name!r} of this installation was found neither at {looked}.",
        remedy="Install the package again.",
    )
