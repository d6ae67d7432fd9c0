"""Providers: how a model is asked, one file a provider.

In comes a `ChatRequest`, out goes a `Reply`, cleaned and split from its trace, or one
of the errors in `errors`; the engine calls them, by way of `registry`. From outside:
`providers.base`, for a provider of one's own.
"""
