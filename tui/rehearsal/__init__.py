"""`butler --demo`: the dashboard on a rehearsal, with prompts typed for the user."""
