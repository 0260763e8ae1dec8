"""A regular package: IPython brings one of this name that would hide a plain folder."""
