from brigade.testing.feeds import background, intake, marks

__all__ = ["background", "intake", "marks"]
