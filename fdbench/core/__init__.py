"""The vocabulary: plain frozen values, no files, no clocks, no models."""
