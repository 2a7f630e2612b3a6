"""Metrics, logs and health: what operators see. Nothing that a person wrote ever gets in."""
