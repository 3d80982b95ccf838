"""Change feeds: each turns somebody's events into marks on the backlog. `changes.base` is the contract."""

from brigade.changes.base import FeedCounts, Intake, Marks, Newcomers, Rescans, Routes, Subscription
from brigade.changes.rescan import ListedRescans
from brigade.changes.setup import Outcome, Wish
from brigade.changes.setup import remove as remove_notifications
from brigade.changes.setup import set_up as set_up_notifications
from brigade.changes.setup import show as show_notifications
from brigade.changes.sqs import SqsFeed
from brigade.changes.sqs_queue import SqsQueue, SqsSettings
from brigade.changes.tree import Links
from brigade.changes.watch import WatchFeed, WatchSettings
from brigade.changes.webhook import Webhook, WebhookSettings

__all__ = [
    "FeedCounts",
    "Intake",
    "Links",
    "ListedRescans",
    "Marks",
    "Newcomers",
    "Outcome",
    "Rescans",
    "Routes",
    "SqsFeed",
    "SqsQueue",
    "SqsSettings",
    "Subscription",
    "WatchFeed",
    "WatchSettings",
    "Webhook",
    "WebhookSettings",
    "Wish",
    "remove_notifications",
    "set_up_notifications",
    "show_notifications",
]
