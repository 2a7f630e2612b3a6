"""What scoring costs on a device: run by hand on a quiet machine, never in a test."""
