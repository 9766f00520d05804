"""What `python -m models` can do, a function a command. Each knows nothing of the others."""
