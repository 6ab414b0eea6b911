"""Programs beside each other on benchmarks: what is asked, the record of it, its tables, and their export."""
