"""Where the outside meets the house: pages, the API, hooks, the command line, probes. Nobody imports an edge."""
