"""The tokenizer of a sentence encoder, read from its directory without the library that the encoder itself is built with."""

import json
from pathlib import Path

from emotrack.model.errors import UserError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class SentenceTokenizer:
    """See `dialogue_text.Tokenizer`."""

    def __init__(self, directory: Path) -> None:
        """Read `tokenizer.json` and the names of the special tokens; raises `UserError` where they are missing or wrong."""
        from tokenizers import Tokenizer  # where it does not load, text is left out and the rest goes on

        try:
            tokenizer, configuration = (directory / name for name in TOKENIZER_FILES)
            self._backend = Tokenizer.from_file(str(tokenizer))
            names = json.loads(configuration.read_text("utf-8"))
            self.cls_token_id, self.sep_token_id, self.pad_token_id = (
                self._identifier(names[f"{role}_token"]) for role in ("cls", "sep", "pad")
            )
        except Exception as error:
            # The tokenizers library raises plain exceptions only.
            raise UserError(
                f"{directory} holds no sentence-transformers model with a tokenizer.json: give the directory of a whole copy."
            ) from error
        self._backend.no_padding()
        self._backend.no_truncation()

    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]:
        return [self._identifier(token) for token in tokens]

    def __call__(
        self, texts: list[str], *, add_special_tokens: bool, truncation: bool, max_length: int
    ) -> dict[str, list[list[int]]]:
        found = self._backend.encode_batch(texts, add_special_tokens=add_special_tokens)
        return {"input_ids": [one.ids[:max_length] if truncation else one.ids for one in found]}

    def _identifier(self, token: str | dict[str, str]) -> int:
        found = self._backend.token_to_id(token if isinstance(token, str) else token["content"])
        if found is None:
            raise ValueError(f"no token {token}")
        return found
