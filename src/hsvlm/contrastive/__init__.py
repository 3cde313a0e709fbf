"""Contrastive alignment of pixel embeddings with text prototypes."""
