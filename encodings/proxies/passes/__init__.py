"""The passes over a network that proxies read; these modules import torch, no registry does."""
