"""A store that speaks the part of Shopify's Admin GraphQL API that the channel uses, as a real server on loopback."""
