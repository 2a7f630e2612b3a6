"""The named statements of the second opinions, one file each."""
