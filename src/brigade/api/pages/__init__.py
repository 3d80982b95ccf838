"""The pages for people: rendered here, shown by any browser, and usable without JavaScript."""
