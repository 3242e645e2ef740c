"""The screens: server-rendered pages that work without JavaScript, and the little script that makes them live."""
