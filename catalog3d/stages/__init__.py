"""The work of each of the seven stages. Needs only ports; knows no orchestrator."""
