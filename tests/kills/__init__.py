"""The kill test: runs that are SIGKILLed at random moments, judged by what the account was charged."""
