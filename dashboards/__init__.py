"""Grafana dashboards and Prometheus rules, declared here and built by ``handrail dashboards build``."""
