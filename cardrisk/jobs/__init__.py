"""Thin jobs: each reads, calls one room, and writes whole outputs; the command line names one subcommand a job."""
