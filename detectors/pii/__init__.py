"""Personal data in a text: where it is, and the text without it.

Patterns (Presidio's recognisers and ours) find what has a form: addresses of mail and net, numbers, identifiers. A
token-classification head finds persons, places and organisations: both run in the scorer. The gateway imports what is light
alone: entities, forms and pseudonyms.
"""
