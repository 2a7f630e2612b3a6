"""The scorer as a process of its own: wire protocol, server, client, and the fallback for when it is away.

Nothing is imported here, so that the gateway, which needs only the client, pays for nothing else.
"""
