"""How fast, how small: ratios to micrograd, bytes a node, the time of an import. Run `python -m benchmarks`."""
