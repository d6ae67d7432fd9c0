"""Statistics: arrays in, frozen dataclasses out; knows no record and no file."""
