"""Channels of publication, each behind the port `catalog3d.channels.Channel`."""
