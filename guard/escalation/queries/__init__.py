"""The named statements of the escalation, one file each."""
