"""Change feeds: each turns somebody's events into marks on the backlog. `changes.base` is the contract."""

from brigade.changes.webhook import Webhook as Webhook
from brigade.changes.webhook import WebhookSettings as WebhookSettings
