"""What cards say, by kind. Pure: approvals and views in, lines out."""
