"""Where grants come from, and who keeps them up."""
