"""Benchmarks: ratios taken in one run, printed, plotted and kept as JSON; never timed tests. `make bench` lists all."""
