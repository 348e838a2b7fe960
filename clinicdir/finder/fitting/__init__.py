"""Fits a region's grids, roads and ZIP codes to addresses whose positions are known."""
