"""The parts of `rushlight.serialization`: the zip container, the safe reader of pickles, the writer, the old
formats.
"""
