"""One folder per tool. A connector turns a tool's words into ours and back.

It sees only ports and models of the rooms.
"""
