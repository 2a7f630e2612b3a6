"""Completions: what a person reads when a reply would have failed them."""

from policies.completions.catalog import TEMPLATES
from policies.directory.contact import RESOURCE_CLASSES

__all__ = ["RESOURCE_CLASSES", "TEMPLATES"]
