"""What ``import fdbench`` offers: functions on arrays, objects and folders. Nothing below knows of it."""
