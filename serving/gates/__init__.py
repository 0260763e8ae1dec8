"""The gates that a model passes before it is served, and the verdict they come to.

Nothing here runs a model or reads a file: gates judge `Evidence`, which is numbers and
texts. `config` lists the gates, `judge` makes one `Verdict` of what they find.
"""
