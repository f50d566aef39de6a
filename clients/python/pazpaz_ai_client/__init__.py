"""What the PazPaz backend imports to work with the AI service."""
