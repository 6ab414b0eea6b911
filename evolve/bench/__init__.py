"""Tables of programs × benchmarks: planning, evaluation, record, and export."""
