"""What a model's exporters, judges, pushers, servers and clients agree on.

Names and digests of exported models, the numbers of their versions, the ops that they
may have, secrets and errors.
"""
