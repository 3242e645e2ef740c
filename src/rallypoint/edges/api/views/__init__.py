"""What the API shows: one file per room, each view made from the room's value by its attributes."""
