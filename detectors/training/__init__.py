"""Training of the encoder. Needs the extra ``[torch]``."""
