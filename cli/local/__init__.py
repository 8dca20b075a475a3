"""`make run`: the whole pipeline on this machine, with a web page."""
