"""What an operator does to the records: tenants, their keys, reviewers, channels and data keys.

Each function runs on a connection in autocommit mode and is one transaction: the change and its row in the audit log, which
names the ``actor``. Nothing that rows of the past refer to is deleted: it is disabled. What is secret is returned once and
stored only as a digest, an argon2id hash, or sealed.
"""

from __future__ import annotations

from guard.records.admin.channels import (
    Channel,
    add_webhook,
    change_channel,
    channel_secret,
    disable_channel,
    enable_channel,
    find_channel,
    list_channels,
    name_taken,
    note_added,
    note_rotated,
    note_rung,
    remove_channel,
)
from guard.records.admin.reviewers import (
    NewReviewer,
    Reviewer,
    create_reviewer,
    disable_reviewer,
    enable_reviewer,
    list_reviewers,
    reset_password,
    reset_totp,
    set_roles,
)
from guard.records.admin.tenant_keys import (
    ApiKey,
    NewKey,
    TextHeld,
    create_key,
    destroy_text,
    list_keys,
    revoke_key,
    text_held,
)
from guard.records.admin.tenants import (
    TenantRow,
    change_tenant,
    create_tenant,
    disable_tenant,
    enable_tenant,
    find_tenant,
    list_tenants,
    remove_tenant,
)

__all__ = [
    "ApiKey",
    "Channel",
    "NewKey",
    "NewReviewer",
    "Reviewer",
    "TenantRow",
    "TextHeld",
    "add_webhook",
    "change_channel",
    "change_tenant",
    "channel_secret",
    "create_key",
    "create_reviewer",
    "create_tenant",
    "destroy_text",
    "disable_channel",
    "disable_reviewer",
    "disable_tenant",
    "enable_channel",
    "enable_reviewer",
    "enable_tenant",
    "find_channel",
    "find_tenant",
    "list_channels",
    "list_keys",
    "list_reviewers",
    "list_tenants",
    "name_taken",
    "note_added",
    "note_rotated",
    "note_rung",
    "remove_channel",
    "remove_tenant",
    "reset_password",
    "reset_totp",
    "revoke_key",
    "set_roles",
    "text_held",
]
