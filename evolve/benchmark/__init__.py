"""Benchmarks: what they are, how they are loaded, and how they are found by name or path."""

from evolve.benchmark.definition import Benchmark as Benchmark
from evolve.benchmark.definition import InvalidBenchmark as InvalidBenchmark
from evolve.benchmark.definition import Scope as Scope
from evolve.benchmark.definition import can_score as can_score
from evolve.benchmark.joining import OWN_METRIC as OWN_METRIC
from evolve.benchmark.joining import joined as joined
from evolve.benchmark.joining import opening_of as opening_of
from evolve.benchmark.joining import part_of as part_of
from evolve.benchmark.loading import Entry as Entry
from evolve.benchmark.loading import Loader as Loader
from evolve.benchmark.loading import Requirement as Requirement
from evolve.benchmark.loading import benchmark as benchmark
from evolve.benchmark.loading import default_data_dir as default_data_dir
from evolve.benchmark.lookup import BenchmarkLocation as BenchmarkLocation
from evolve.benchmark.lookup import available as available
from evolve.benchmark.lookup import data_of as data_of
from evolve.benchmark.lookup import find as find
from evolve.benchmark.lookup import load_named as load_named
from evolve.benchmark.lookup import locate as locate
from evolve.benchmark.lookup import renaming_note as renaming_note
