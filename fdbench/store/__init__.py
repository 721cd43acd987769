"""Runs on disk: the only package that writes results."""
