"""The part of the state that operators work with."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.state.activity import Activity
from brigade.state.audit import Audit
from brigade.state.documents import Documents
from brigade.state.engine import Database
from brigade.state.handovers import Handovers
from brigade.state.keepsakes import Keepsakes
from brigade.state.orders import Orders
from brigade.state.outcomes import Outcomes
from brigade.state.sessions import Sessions
from brigade.state.tokens import Tokens
from brigade.state.troubles import Troubles


class ControlState:
    """What is set up, ordered and watched at run time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.documents = Documents(database, clock)
        self.orders = Orders(database, clock)
        self.tokens = Tokens(database, clock)
        self.sessions = Sessions(database, clock)
        self.keepsakes = Keepsakes(database)
        self.audit = Audit(database, clock)
        self.handovers = Handovers(database, clock)
        self.troubles = Troubles(database, clock)
        self.outcomes = Outcomes(database)
        self.activity = Activity(database, clock)
