"""The S3 gateway: clients use it as their endpoint, and what they write is noticed before it is written."""
