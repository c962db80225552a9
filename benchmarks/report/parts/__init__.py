"""The sections of the report's chapters, one idea a module; what all share is in benchmarks/report."""
