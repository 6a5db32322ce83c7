"""Call-frequency control: how often applications, users and addresses may call what."""
