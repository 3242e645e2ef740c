"""Insight: the figures about how incidents went, stated so that they can be trusted.

Every time is named by its two anchors, every figure says on how many it rests and what it leaves out.
`metrics(tx, ...)` gives all of them for one window.
"""
