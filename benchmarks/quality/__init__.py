"""How good the retrieval is, rung by rung, on sets that others wrote and on the project's own: `python -m benchmarks.quality`."""
