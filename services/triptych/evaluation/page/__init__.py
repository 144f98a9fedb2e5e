"""The page docs/fusion.md and its plots, made of the JSON that was measured."""
