"""What Brigade remembers, in SQLite or PostgreSQL. Start at `brigade.state.state.State`; `rows` and `owner` import no database."""
