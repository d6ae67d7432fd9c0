"""The pytest hooks: registration and delegation, nothing else."""
