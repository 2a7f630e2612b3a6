"""Training of the head that finds persons, places and organisations. Needs the extra ``[torch]``."""
