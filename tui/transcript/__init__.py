"""The conversation as rows of text: what to show, how Markdown becomes rows, no widget."""
