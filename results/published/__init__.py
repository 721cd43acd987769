"""Numbers that others published, as data: one JSON file per benchmark, made by ``tools/map_published.py``."""
