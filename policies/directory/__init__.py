"""The resource directory: contacts that were read off pages, and which of them fit a person."""

from policies.directory.contact import RESOURCE_CLASSES, Channel, ChannelKind, Contact
from policies.directory.directory import Directory, shipped
from policies.directory.wording import emergency_number, reminder, spoken

__all__ = [
    "RESOURCE_CLASSES",
    "Channel",
    "ChannelKind",
    "Contact",
    "Directory",
    "emergency_number",
    "reminder",
    "shipped",
    "spoken",
]
