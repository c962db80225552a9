"""From an entry of params.yaml to a method at work: found, checked, and kept from what it may not see."""

import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from benchmarks.core.config import GazeCNNParams, Params, SimGANParams
from benchmarks.core.errors import UserError
from benchmarks.core.files import digest
from benchmarks.core.rivals import Rival
from benchmarks.refiners.contract import Estimator, Method, Refiner
from benchmarks.training.tensors import derive, place

LABELS = ("labels.parquet", "manifest.csv", "joint_data.mat")
_guard = {"key": "", "watches": ""}  # the method that may not read labels now; one hook, which none can take away


def find(where: str, code: str = "") -> type[Method]:
    """`package.module:Class`, importable or beside `code`. Raises UserError where it is not, or is no method."""
    module, _, name = where.partition(":")
    try:
        found = getattr(_imported(module, code), name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _fault(where, error) from None
        raise UserError(f"{where}: no module {error.name}; install it, or set `code` to its file or folder") from None
    except AttributeError:
        raise UserError(f"{where}: module {module} has no {name}") from None
    except Exception as error:
        raise _fault(where, error) from None
    if not (inspect.isclass(found) and issubclass(found, Refiner | Estimator)):
        raise UserError(f"{where}: no Refiner and no Estimator (benchmarks/refiners/contract.py)")
    return found


def _imported(module: str, code: str) -> ModuleType:
    """As Python finds it; else as it lies beside `code`, which must not hide another module of the same name."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not code or error.name != module.partition(".")[0]:
            raise
    sys.path.append(str(Path(code).resolve().parent))
    return importlib.import_module(module)


def entry(params: Params, task: str, name: str) -> Rival:
    """Raises UserError where params.yaml has no such rival."""
    rivals = getattr(params.refiners, task)
    if name not in rivals:
        raise UserError(f"params.yaml: refiners.{task} has no {name}; it has {', '.join(rivals) or 'none'}")
    return rivals[name]


def described(params: Params, task: str, name: str, size: tuple[int, int]) -> dict[str, Any]:
    """What rebuilds a method: JSON. Raises UserError for parameters that its Settings do not take."""
    rival = entry(params, task, name)
    kind = find(rival.where, rival.code)
    own = settings_of(kind, rival.own, f"params.yaml: refiners.{task}.{name}").model_dump()
    if issubclass(kind, Estimator):
        if task != "gaze":
            raise UserError(f"params.yaml: refiners.{task}.{name}: an estimator; only gaze has rivals of that kind")
        return {"where": rival.where, "settings": own, "cnn": params.estimators.gaze.model_dump()}
    simgan = getattr(params.simgan, task).model_dump()
    return {"where": rival.where, "settings": own, "size": size, "simgan": simgan}


def settings_of(kind: type[Method], values: dict[str, Any], key: str) -> Any:
    """A method's own parameters, checked by its own model. Raises UserError."""
    try:
        return kind.Settings.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise UserError(f"{key}: {'; '.join(faults)}") from None


def build(description: dict[str, Any], code: str, key: str, seed: int = 0) -> Method:
    """The method that `described` describes, untrained; a gaze CNN in it starts as section 3.1's of that seed does."""
    kind = find(description["where"], code)
    settings = settings_of(kind, _tuples(description["settings"]), key)
    torch.manual_seed(derive(seed, "train-gaze/gaze/weights" if issubclass(kind, Estimator) else key))
    with blamed(key):
        if issubclass(kind, Estimator):
            return kind(settings, GazeCNNParams.model_validate(_tuples(description["cnn"])))
        simgan = SimGANParams.model_validate(
            {field: _tuples(description["simgan"])[field] for field in SimGANParams.model_fields}
        )
        height, width = description["size"]
        return cast("type[Refiner]", kind)(settings, (height, width), simgan)


def restored(weights: Path, code: str, key: str, device: torch.device) -> Method:
    """A trained method from its weights, in evaluation mode. Raises UserError."""
    try:
        with safe_open(weights, "pt") as file:
            method = build(json.loads(file.metadata()["architecture"]), code, key)
            method.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"{weights}: no weights here; train the method first") from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{weights}: not weights of {key} ({reason}); delete it and train again") from None
    return place(method, device).eval()


def refined(refiner: Refiner, images: Tensor, key: str) -> Tensor:
    """A batch through a refiner, held to the contract. Raises UserError."""
    with blamed(key), torch.no_grad():
        found = refiner(images)
    if not isinstance(found, Tensor) or found.shape != images.shape:
        given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise UserError(f"{key}: gave {given} for images {tuple(images.shape)}; a refiner keeps the shape")
    if not found.isfinite().all():
        raise UserError(f"{key}: gave NaN or infinity")
    if found.abs().max() > 1.001:
        raise UserError(f"{key}: gave values up to {found.abs().max().item():.3g}; images lie in [-1, 1]")
    return found


def code_digest(code: str) -> str:
    """Of a method's file or folder, so that another code resumes no old training. Raises UserError."""
    path = Path(code)
    if not path.exists():
        raise UserError(f"{code}: no such file or folder; `code` in params.yaml is where the method's class is")
    return digest(*(sorted(path.rglob("*.py")) if path.is_dir() else [path]))


@contextmanager
def blamed(key: str) -> Iterator[None]:
    """An error in a method's own code ends in one line that names it."""
    try:
        yield
    except (UserError, OSError, KeyboardInterrupt):
        raise
    except FloatingPointError:  # a diverged training, which the training loop tells
        raise
    except Exception as error:
        raise _fault(key, error) from error


def _fault(key: str, error: BaseException) -> UserError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:300]
    return UserError(f"{key}: {type(error).__name__}: {text} ({Path(last.filename).name}, line {last.lineno})")


@contextmanager
def labels_locked(key: str) -> Iterator[None]:
    """While it lasts, reading a file of labels is an error: a guard against mistakes, not against malice."""
    import pyarrow.parquet as pq

    if not _guard["watches"]:
        sys.addaudithook(_watch)
        _guard["watches"] = "yes"
    readers = {name: getattr(pq, name) for name in ("ParquetFile", "read_table", "read_schema")}

    def refuse(*_: Any, **__: Any) -> None:
        raise _refused()

    _guard["key"] = key
    for name in readers:  # they open files where no hook sees it
        setattr(pq, name, refuse)
    try:
        yield
    finally:
        for name, reader in readers.items():
            setattr(pq, name, reader)
        _guard["key"] = ""


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _guard["key"] and str(arguments[0]).endswith(LABELS):
        raise _refused()


def _refused() -> UserError:
    return UserError(f"{_guard['key']}: reads labels; a method gets the synthetic images' from the suite, or none")


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that strict models take."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
