"""The flows: order, fan-out and failure policy. Production loads these files by path."""
