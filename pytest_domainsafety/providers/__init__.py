"""Providers: how a model is asked, one file a provider."""
