"""The stand-in: a local server that speaks Tripo's v3 API and makes real, plainly labelled models.

It is the generator of everybody who has no key, and the rehearsal before spending. It charges
pretend credits by the real price list and keeps the real limits, so that a rehearsal tells the truth.
"""
