"""`python -m benchmarks bench`: how fast this machine trains, refines, renders and reads, against its own limits."""
