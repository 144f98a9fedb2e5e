"""Fusion strategies: from the blocks of an item to one vector, in several ways behind one class."""
