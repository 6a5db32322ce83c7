"""Text of others as one line of ASCII."""


def plain(text: bytes | str) -> str:
    r"""The text with \xff, \n and the like where a byte or character is no printable ASCII.

    What stands in Redis or comes from a peer may be anybody's, and ends in logs and terminals.
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    return "".join(letter if " " <= letter <= "~" else ascii(letter)[1:-1] for letter in text)
