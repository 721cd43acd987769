"""What the config.json of a Moshi checkpoint must say, checked before any weights are opened.

The package has a word of its own for few of these mistakes: it would stop in the middle of loading, or open a pickle, which
may run anything.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from fdbench.errors import AdapterError
from fdbench.io.files import read_json

CONFIG: Final = "config.json"
MODEL: Final = "model.safetensors"

FILE_KEYS: Final[Mapping[str, tuple[str, str | None]]] = {
    "moshi_weights": ("moshi_name", MODEL),
    "mimi_weights": ("mimi_name", "tokenizer-e351c8d8-checkpoint125.safetensors"),
    "tokenizer": ("tokenizer_name", "tokenizer_spm_32k_3.model"),
    "mimi_config_path": ("mimi_config_name", None),
    "lora_weights": ("lora_name", None),
}
"""By argument of the package's loader: the key in config.json that names the file, and the name where it does not."""

_WEIGHTS: Final = ("moshi_weights", "mimi_weights", "lora_weights")
_SAMPLING: Final = {"use_sampling": bool, "temp": float, "temp_text": float, "top_k": int, "top_k_text": int}
_WITHOUT_EFFECT: Final = {"check": bool, "cfg_is_no_text": bool, "cfg_is_masked_until": list[int] | None}
"""Of a generator's settings: a check of its own, and what means something with guidance, which the programs leave out."""

_SHAPE: Final = {"n_q": int, "dep_q": int, "delays": list[int], "context": int, "num_layers": int}
_DEPFORMER: Final = {"depformer_num_heads": int, "depformer_num_layers": int}
_LOADERS_OWN: Final[Mapping[str, Any]] = {
    **{key: str | None for key, _ in FILE_KEYS.values()},
    **dict.fromkeys(("lm_gen_config", "tts_config", "conditioners"), dict),
    **dict.fromkeys(("stt_config", "model_id", "depformer_causal"), Any),
    "model_type": str,
    "fuser": dict | None,
    "demux_second_stream": bool,
    "lora": bool | None,
    "lora_rank": int,
    "lora_scaling": float,
}
"""What the package's loader takes out of config.json before it makes the model."""

_GIVEN_BY_THE_MODEL: Final = {
    "activation", "causal", "checkpointing", "context", "d_model", "device", "dim_feedforward", "dtype", "layer_class",
    "norm", "num_heads", "quantize", "rope",
}  # fmt: skip
_NOT_FROM_CONFIG: Final = {"condition_provider", "device", "dtype"}
_RELEASED: Final = "compare it with that of a released checkpoint, such as kyutai/moshika-pytorch-bf16"
_CONVERT: Final = "a pickle may run anything when it is opened: have it converted to safetensors by somebody who trusts it"


def read_config(folder: Path) -> dict[str, Any]:
    """Of config.json; empty where there is none.

    Raises:
        FdbenchError: It is no JSON object, or names a file that must not be opened.
    """
    path = folder / CONFIG
    config = _read_object(path) if path.is_file() else {}
    for argument, (key, _) in FILE_KEYS.items():
        _check(path, config, {key: str | None})
        name = config.get(key)
        # The package opens as a pickle whatever ends otherwise, in capitals, too.
        if name and argument in _WEIGHTS and Path(name).suffix != ".safetensors":
            raise AdapterError(f"{path}: {key}: expected a .safetensors file, found {json.dumps(name)}", _CONVERT)
    return config


def check_config(path: Path, config: Mapping[str, Any]) -> None:
    """Whether it is a dialogue model's, whole, and what is needed to load it is there; nothing heavy is imported.

    Raises:
        AdapterError: Names the key, what was expected and what was found.
    """
    _check(path, config, {"model_type": str, "lm_gen_config": dict, "conditioners": dict})
    _check(path, config, {"quantize": bool | None, "lora": bool | None})
    kind = config.get("model_type", "moshi")
    if kind != "moshi" or config.get("conditioners"):
        found = f"a '{kind}' checkpoint" + (" with conditioners" if config.get("conditioners") else "")
        raise AdapterError(f"{path}: {found}, expected one of a dialogue model ('moshi')", "name another one")
    _check(path, config, _SHAPE, must_have=True)
    n_q, delays = config["n_q"], config["delays"]
    for key in ("n_q", "dep_q", "context", "num_layers"):
        if config[key] < 1:
            raise _unexpected(path, key, "at least 1", config[key])
    if len(delays) != n_q + 1 or min(delays) < 0:
        raise _unexpected(path, "delays", f"{n_q + 1} numbers of steps (the text, and n_q={n_q} codebooks)", delays)
    _check(path, config, _DEPFORMER, must_have=True)
    _check_generation(path, config.get("lm_gen_config", {}))
    if bool(config.get("lora")) != bool(config.get("lora_name")):
        told = "a name where lora is true, and none elsewhere"
        raise _unexpected(path, "lora_name", told, config.get("lora_name"))
    is_q8 = config.get("quantize") or "q8" in Path(config.get("moshi_name") or MODEL).name.split(".")
    if is_q8 and importlib.util.find_spec("bitsandbytes") is None:
        raise AdapterError(
            f"{path}: weights in 8 bits (quantize, or q8 in moshi_name) need 'bitsandbytes', which is not installed",
            "pip install bitsandbytes, or name the checkpoint in bfloat16",
        )


def check_codec(path: Path) -> None:
    """Whether a codec's configuration is one, with the frames that this project plays.

    Raises:
        FdbenchError: Names the key, what was expected and what was found.
    """
    config = _read_object(path)
    parts = {"seanet": dict, "transformer": dict, "quantizer": dict}
    _check(path, config, {**parts, "sample_rate": float, "frame_rate": float, "channels": int}, must_have=True)
    for key, expected in (("sample_rate", 24000), ("frame_rate", 12.5), ("channels", 1)):
        if config[key] != expected:
            raise _unexpected(path, key, f"{expected:g}", config[key])


def check_for_package(path: Path, config: Mapping[str, Any]) -> None:
    """Whether the installed package takes all keys with such values, by its own signatures; imports it.

    Raises:
        AdapterError: Names the key, what was expected and what was found.
    """
    kinds = _kinds_of_package()
    for key, value in config.items():
        if key not in kinds:
            raise AdapterError(f"{path}: {key}: the moshi package knows no such key (found {json.dumps(value)})", _RELEASED)
    _check(path, config, kinds)


def _kinds_of_package() -> dict[str, Any]:
    from moshi.models.lm import LMModel
    from moshi.modules.transformer import StreamingTransformer, StreamingTransformerLayer

    layers = {**_parameters(StreamingTransformerLayer), **_parameters(StreamingTransformer)}
    layers = {name: kind for name, kind in layers.items() if name not in _GIVEN_BY_THE_MODEL}
    own = {name: kind for name, kind in _parameters(LMModel).items() if name not in _NOT_FROM_CONFIG}
    depformer = {f"depformer_{name}": kind for name, kind in layers.items()}
    # The package says that hidden_scale is whole, but its own is 4.125; without a context it does not stream.
    corrected = {**_SHAPE, **_DEPFORMER, "hidden_scale": float}
    nullable = {"depformer_context": int | None, "quantize": bool | None}
    return {**layers, **depformer, **own, **_LOADERS_OWN, **corrected, **nullable}


def _parameters(of: type) -> dict[str, Any]:
    named = inspect.signature(of).parameters.values()
    return {each.name: each.annotation for each in named if each.kind is not each.VAR_KEYWORD}


def _check_generation(path: Path, settings: Mapping[str, Any]) -> None:
    where = "lm_gen_config."
    kinds = {**_SAMPLING, **_WITHOUT_EFFECT}
    for key, value in settings.items():
        if key not in kinds:
            told = f"{path}: {where}{key}: Kyutai's programs take no such key from a checkpoint (found {json.dumps(value)})"
            raise AdapterError(told, f"remove it; known: {', '.join(sorted(kinds))}")
    _check(path, settings, kinds, where=where)
    for key, kind in _SAMPLING.items():
        if kind is not bool and not settings.get(key, 0) >= 0:  # NaN, too
            raise _unexpected(path, where + key, "0 or more", settings[key])


def _read_object(path: Path) -> dict[str, Any]:
    config = read_json(path, finite=False)
    if not isinstance(config, dict):
        raise AdapterError(f"{path}: expected a JSON object, found {type(config).__name__}", "is it a Moshi checkpoint?")
    return config


def _check(
    path: Path, config: Mapping[str, Any], kinds: Mapping[str, Any], where: str = "", *, must_have: bool = False
) -> None:
    """Whether the values of some keys are of their kinds."""
    for key, kind in kinds.items():
        if key in config and not _fits(config[key], kind):
            raise _unexpected(path, where + key, _name(kind), config[key])
        if must_have and key not in config:
            raise AdapterError(f"{path}: {where}{key} is missing, expected {_name(kind)}", _RELEASED)


def _unexpected(path: Path, key: str, expected: str, found: object) -> AdapterError:
    return AdapterError(f"{path}: {key}: expected {expected}, found {json.dumps(found)}", _RELEASED)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of a kind, which is a type or an annotation; what is neither says nothing."""
    if get_origin(kind) in (Union, types.UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    if get_origin(kind) in (list, tuple):
        return isinstance(value, list) and all(_fits(each, get_args(kind)[0]) for each in value)
    if kind in (int, float) and isinstance(value, bool):
        return False
    if not isinstance(kind, type) or kind in (Any, inspect.Parameter.empty):
        return True
    return isinstance(value, (int, float) if kind is float else kind)


def _name(kind: Any) -> str:
    """What a person calls a kind."""
    plain = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", dict: "an object"}
    plain |= {type(None): "null", list[int]: "a list of whole numbers"}
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_name(each) for each in get_args(kind))
    return plain.get(kind, str(kind))
