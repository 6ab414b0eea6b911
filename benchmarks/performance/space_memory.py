"""Memory that each open space of a plug-in takes, and how fast texts are stored, with many texts in each.

    python benchmarks/performance/space_memory.py --data-dir LOCOMO [--items N] [--spaces N] [--programs A,B]

Prints a Markdown table. Every space is given the same turns of LoCoMo's conversations, in calls of
``remember_many``, and is asked one question, so that the copy for its next read is there too; all stay open.
Memory is counted by the kernel (``Pss`` of ``/proc/PID/smaps_rollup``): a page that several processes share
counts in parts, so that sums count it once. Of the sandboxes' processes it is what each space adds to one
space that is empty; of the process that loaded the plug-in (*host*), one for each row, it is what each space
adds to the first. A container's processes are no children of this one: take bwrap or process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from machine import circumstances, cpu_seconds_of, descendants, megabytes_of, megabytes_of_descendants
from recall import BATCH, LIMITS, plugin, turns

import evolve


@dataclass(frozen=True)
class Row:
    """Findings about one program.

    Attributes:
        empty: MB of the processes of a space without texts.
        filled: MB of those of a space with all texts, before it is asked.
        asked: the same after a question.
        host: MB of this process for each space.
        rate: texts stored a second.
        cpu: milliseconds of CPU time of all processes for each text.
    """

    empty: float
    filled: float
    asked: float
    host: float
    rate: float
    cpu: float


def measured(seed: str, texts: Sequence[str], given: argparse.Namespace) -> Row:
    """Fill the spaces of the program ``seed`` with ``texts``, one after the other."""
    spaces, sandbox = given.spaces, given.sandbox
    with tempfile.TemporaryDirectory() as folder:
        place, data = plugin(seed, Path(folder) / "plugin"), Path(folder) / "data"
        options = {"path": data, "sandbox": sandbox, "trust": sandbox == "process", "limits": LIMITS}
        options["embedding"] = given.embedding
        with evolve.load(place, max_sessions=spaces + 1, **options) as memory:
            nothing = megabytes_of_descendants()
            memory.space("empty").recall("Is anything here?")
            before = _settled()
            empty, hosts = before - nothing, list[float]()
            started, cpu = time.perf_counter(), _cpu_seconds()
            for number in range(spaces):
                for start in range(0, len(texts), BATCH):
                    memory.space(str(number)).remember_many(texts[start : start + BATCH])
                hosts.append(megabytes_of(os.getpid()))
            seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
            filled = _settled() - before
            for number in range(spaces):
                memory.space(str(number)).recall("Where did she go?")
            asked = _settled() - before
    host = (hosts[-1] - hosts[0]) / (spaces - 1)
    stored = spaces * len(texts)
    rate, milliseconds = stored / seconds, 1000 * cpu / stored
    return Row(empty, filled / spaces, asked / spaces, host, rate, milliseconds)


def _settled() -> float:
    """Memory of the sandboxes' processes, once those that are made for later are there."""
    time.sleep(1.5)
    return megabytes_of_descendants()


def _cpu_seconds() -> float:
    return sum(map(cpu_seconds_of, [os.getpid(), *descendants()]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="the folder of locomo10.json")
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--spaces", type=int, default=3, help="at least 2")
    parser.add_argument("--sandbox", default="bwrap", help="bwrap or process")
    parser.add_argument("--programs", default="lexical,neighbours,vector_search,hybrid")
    parser.add_argument("--embedding", default="offline", help="offline (1,024 numbers) or wordllama (256)")
    given = parser.parse_args()
    texts, _ = turns(given.data_dir, given.items)
    what = f"{given.spaces} spaces with {len(texts)} texts each, {given.sandbox}, embedding {given.embedding}"
    print(f"{what}. {circumstances()}\n")
    columns = "empty, MB | with texts, MB | and asked, MB | host, MB | stored a second | CPU a text, ms"
    print(f"| program | {columns} |")
    print("|---|---|---|---|---|---|---|")
    for seed in given.programs.split(","):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            row = alone.submit(measured, seed, texts, given).result()
        memory = " | ".join(f"{value:.0f}" for value in (row.empty, row.filled, row.asked, row.host))
        print(f"| `{seed}` | {memory} | {row.rate:.0f} | {row.cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
