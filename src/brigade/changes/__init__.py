"""Change feeds: each turns somebody's events into marks on the backlog. `changes.base` is the contract."""

from brigade.changes.sqs import SqsFeed as SqsFeed
from brigade.changes.sqs_queue import SqsQueue as SqsQueue
from brigade.changes.sqs_queue import SqsSettings as SqsSettings
from brigade.changes.webhook import Webhook as Webhook
from brigade.changes.webhook import WebhookSettings as WebhookSettings
