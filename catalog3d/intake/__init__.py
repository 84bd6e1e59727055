"""Intake: rows of text become checked products and a list of everything that is wrong. Pure; knows no disk."""
