"""What the artifact service for Google ADK consists of: where things are stored, and as what."""
