"""The saved form of a fitted classifier: JSON and safetensors, in a folder or an archive."""
