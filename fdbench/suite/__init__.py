"""Private editions of the benchmark: prompts of our own in Full-Duplex-Bench v1.0's layout, spoken by a local TTS."""
