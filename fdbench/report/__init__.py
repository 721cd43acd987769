"""From stored results to tables: what was measured, what others published, and which numbers compare."""
