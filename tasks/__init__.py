"""The seven tasks: each adds orchestration to one call of a stage and nothing else."""
