"""Change feeds: each turns somebody's events into marks on the backlog. `changes.base` is the contract."""

from brigade.changes.rescan import ListedRescans as ListedRescans
from brigade.changes.sqs import SqsFeed as SqsFeed
from brigade.changes.sqs_queue import SqsQueue as SqsQueue
from brigade.changes.sqs_queue import SqsSettings as SqsSettings
from brigade.changes.tree import Links as Links
from brigade.changes.watch import WatchFeed as WatchFeed
from brigade.changes.watch import WatchSettings as WatchSettings
from brigade.changes.webhook import Webhook as Webhook
from brigade.changes.webhook import WebhookSettings as WebhookSettings
