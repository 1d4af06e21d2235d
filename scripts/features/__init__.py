"""Features of an encoder that saw real chests, and what is learnt from few scans by them."""

from .embedding import Features, embed, joined

__all__ = ["Features", "embed", "joined"]
