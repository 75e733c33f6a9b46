"""Shows and listens: the Textual app and the command line."""
