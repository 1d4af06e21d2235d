"""Text that users write: UTF-8, with or without a byte order mark; anything else is named."""

import codecs
from pathlib import Path

from scripts.errors import UserError

__all__ = ["read_text"]

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: str | Path) -> str:
    """Read a text file.

    Args:
        path: of a file in UTF-8; a byte order mark, as Windows' editors write it, is left out.

    Raises:
        UserError: it is UTF-16 or another encoding.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    if content.startswith(UTF_16) or b"\0" in content[:4]:
        raise UserError(f"{path}: text in UTF-16; expected UTF-8; save it anew with the encoding UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not UTF-8 (byte {error.start + 1}); save it anew with the encoding UTF-8"
        ) from None
