"""Search for memory programs: executable memory modules for LLM agents, evolved against benchmarks."""

__version__ = "0.1.0"
