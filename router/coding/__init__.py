"""The coding desk: plan, compare, approve, execute in a workspace of the session's own."""
