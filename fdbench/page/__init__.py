"""A run as one static page: its numbers, and of every clip who spoke when and why it has its number."""
